from __future__ import annotations

import pytest

from ckptmatrix.judge.compare import compare
from ckptmatrix.judge.numbers import Tolerance
from ckptmatrix.judge.policy import Policy
from ckptmatrix.words import Reason
from observations import Json, reasons, state_dict, tensor


def forward(*leaves: Json) -> Json:
    return state_dict() | {"forward": {"leaves": list(leaves)}}


@pytest.mark.parametrize(
    ("dtype", "same", "other"),
    [
        ("torch.float64", 1 + 1e-10, 1 + 1e-7),
        ("torch.float32", 1 + 5e-6, 1 + 1e-4),
        ("torch.float16", 1 + 5e-3, 1 + 5e-2),
        ("torch.bfloat16", 1 + 1e-2, 1.2),
        ("torch.int64", 1, 2),
    ],
)
def test_outputs_are_compared_as_closely_as_their_dtype_allows(
    dtype: str, same: float, other: float
) -> None:
    def output(value: float, sha256: str) -> Json:
        values = [value, "nan", "inf"]
        return forward(tensor("", dtype=dtype, shape=[3], values=values, sha256=sha256))

    assert compare(output(1, "a"), output(same, "b")) == ()
    (difference,) = compare(output(1, "a"), output(other, "b"))
    assert (difference.what, difference.path) == (Reason.FORWARD_DIFFERS, "forward")
    assert "largest difference" in difference.after
    assert difference.absolute == pytest.approx(abs(other - 1))
    assert difference.relative == pytest.approx(abs(other - 1) / max(1, other))
    assert difference.step is None
    policy = Policy(forward=Tolerance(rtol=0.5))
    assert reasons(output(1, "a"), output(other, "b"), policy=policy) == (
        [] if "float" in dtype else [Reason.FORWARD_DIFFERS]
    )


def test_outputs_too_large_to_keep_are_compared_by_digest() -> None:
    one, other = (forward(tensor("", values=None, sha256=digit * 64)) for digit in "ab")
    assert compare(one, one) == ()
    assert reasons(one, other) == [Reason.FORWARD_DIFFERS]


@pytest.mark.parametrize(
    "other",
    [
        forward(tensor("", dtype="torch.float64")),
        forward(tensor("", shape=[4])),
        forward(tensor("[0]")),
        forward(),
        forward({"path": "", "type": "float", "value": 1.0}),
        state_dict(),
    ],
)
def test_outputs_of_another_form(other: Json) -> None:
    assert set(reasons(forward(tensor("")), other)) == {Reason.FORWARD_DIFFERS}


def test_how_outputs_lie_in_memory_does_not_matter() -> None:
    other = tensor("", stride_order=[1, 0], requires_grad=True, **{"class": "torch.nn.Parameter"})
    assert compare(forward(tensor("")), forward(other)) == ()


def test_what_the_producer_did_not_do_is_not_asked_of_the_consumer() -> None:
    assert compare(state_dict(), forward(tensor(""))) == ()
    assert compare(state_dict(), state_dict() | {"resume": {"losses": [1.0]}}) == ()


def resume(*losses: float | str) -> Json:
    return state_dict() | {"resume": {"losses": list(losses)}}


def test_the_first_step_at_which_losses_part() -> None:
    assert compare(resume(1.5, 1.25, "nan"), resume(1.5, 1.25 + 1e-13, "nan")) == ()
    (difference,) = compare(resume(1.5, 1.25, 1.0), resume(1.5, 1.2500001, 0.5))
    assert (difference.what, difference.path) == (Reason.RESUME_DIVERGED, "resume step 2")
    assert (difference.before, difference.step) == ("1.25", 2)
    assert difference.absolute == pytest.approx(1e-7)
    assert difference.relative == pytest.approx(8e-8)
    (shorter,) = compare(resume(1.5, 1.25), resume(1.5))
    assert (shorter.path, shorter.step, shorter.absolute) == ("resume step 2", 2, None)
    assert reasons(resume(1.5), state_dict()) == [Reason.RESUME_DIVERGED]
    loose = Policy(resume=Tolerance(rtol=1.0))
    assert reasons(resume(1.5, 1.0), resume(1.5, 0.5), policy=loose) == []
