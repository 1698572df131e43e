from __future__ import annotations

from typing import Any

import pytest

from ckptmatrix.judge.model_fit import Fitting, explain_fit, read_fit

NOTHING = {"count": 0, "first": []}
SAID = {"type": "RuntimeError", "message": "Error(s) in loading state_dict"}


def names(*first: Any, count: int | None = None) -> dict[str, Any]:
    return {"count": len(first) if count is None else count, "first": list(first)}


def tried(*, complete: bool = False, error: Any = None, **changes: Any) -> dict[str, Any]:
    how = {"place": "", "module": False, "strip": "", "add": "", "partial": False}
    how.update({key: changes.pop(key) for key in list(changes) if key in how})
    kinds = dict.fromkeys(("loaded", "missing", "unexpected", "sizes", "casts"), NOTHING)
    return {"how": how, "error": error, "complete": complete, **kinds, **changes}


def explained(*tries: Any, trouble: Any = None, keys: int = 2) -> Fitting:
    model = {"trouble": trouble, "class": "mine.Net", "keys": keys, "tries": list(tries)}
    fit = read_fit({"version": 1, "leaves": [], "model": model})
    assert fit is not None
    return explain_fit(fit)


FAILED = tried(
    error=SAID, missing=names("0.weight", "0.bias"), unexpected=names("module.0.weight", count=2)
)


def test_what_loads_as_it_is_needs_nothing() -> None:
    found = explained(tried(complete=True, loaded=names("a", "b")))
    assert (found.loads, found.cause, found.cure) == (True, "", "")


def test_a_dtype_that_the_model_changes_is_said() -> None:
    casts = names(["a", "torch.float64", "torch.float32"])
    found = explained(tried(complete=True, loaded=names("a", "b"), casts=casts))
    assert "1 with another dtype" in found.sentence
    assert "torch.float64 → torch.float32" in found.sentence


@pytest.mark.parametrize(
    ("how", "cause", "cure"),
    [
        (
            {"strip": "module."},
            "its keys begin with «module.», which DataParallel",
            (
                "model.load_state_dict("
                "{k[7:]: v for k, v in loaded.items() if k.startswith('module.')})"
            ),
        ),
        (
            {"add": "_orig_mod."},
            "the model's keys begin with «_orig_mod.», which torch.compile",
            "model.load_state_dict({'_orig_mod.' + k: v for k, v in loaded.items()})",
        ),
        (
            {"strip": "a.", "add": "b."},
            "its keys begin with «a.», the model's with «b.»",
            (
                "model.load_state_dict("
                "{'b.' + k[2:]: v for k, v in loaded.items() if k.startswith('a.')})"
            ),
        ),
        (
            {"place": "['state_dict']"},
            "the state dict lies at ['state_dict']",
            "model.load_state_dict(loaded['state_dict'])",
        ),
        (
            {"module": True},
            "a whole module lies in the file, not a state dict",
            "model.load_state_dict(loaded.state_dict())",
        ),
    ],
)
def test_a_prefix_a_place_or_a_strategy_explains_it(
    how: dict[str, Any], cause: str, cure: str
) -> None:
    found = explained(FAILED, tried(complete=True, loaded=names("0.weight", "0.bias"), **how))
    assert not found.loads
    assert "2 missing (0.weight, …), 2 unexpected (module.0.weight, …)" in found.sentence
    assert cause in found.cause
    assert (found.cure, found.verified) == (cure, True)


def test_the_cure_that_is_shown_is_python_that_does_it() -> None:
    found = explained(FAILED, tried(complete=True, strip="module.", add="net."))
    given: dict[str, int] = {}

    class Model:
        def load_state_dict(self, state: dict[str, int]) -> None:
            given.update(state)

    loaded = {"module.a": 1, "other": 2}
    exec(found.cure, {"model": Model(), "loaded": loaded})  # noqa: S102 - the line itself is tested
    assert given == {"net.a": 1}


def test_a_part_that_fits_is_not_called_a_cure_that_was_verified() -> None:
    part = tried(partial=True, loaded=names("0.weight"), sizes=names(["0.bias", "[3]", "[4]"]))
    found = explained(FAILED, part)
    assert not found.verified
    assert "1 of another size (0.bias [3] → [4])" in found.cause
    assert "strict=False" in found.cure
    assert "1 of 2 keys" in found.cure


def test_another_architecture_has_no_cure() -> None:
    found = explained(FAILED)
    assert "another architecture" in found.cause
    assert found.cure == ""


def test_silence_is_no_success() -> None:
    found = explained(tried(loaded=names("a"), missing=NOTHING))
    assert not found.loads
    assert "raises nothing, and 1 of 2 keys" in found.sentence


@pytest.mark.parametrize(
    ("stage", "said"),
    [("import", "module cannot be imported"), ("make", "the model cannot be made")],
)
def test_without_a_model_the_reason_is_said(stage: str, said: str) -> None:
    trouble = {"stage": stage, "type": "ModuleNotFoundError", "message": "No module named 'x'"}
    found = explained(trouble=trouble, keys=0)
    assert said in found.sentence
    assert "No module named 'x'" in found.sentence


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"model": None},
        {"model": {"trouble": None, "class": "x", "keys": -1, "tries": []}},
        {"model": {"trouble": None, "class": "x", "keys": 1, "tries": [], "more": 1}},
        {"model": {"trouble": None, "class": "x" * 2_000, "keys": 1, "tries": []}},
        {"model": {"trouble": None, "class": "x", "keys": 1, "tries": [FAILED] * 6}},
    ],
)
def test_what_a_cell_makes_up_is_not_read(value: Any) -> None:
    assert read_fit(value) is None
