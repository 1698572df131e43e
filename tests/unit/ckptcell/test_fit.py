from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from ckptcell.fit import observe_fit, offer
from ckptmatrix.judge.model_fit import explain_fit, read_fit

if TYPE_CHECKING:
    from pathlib import Path

    from ckptmatrix.judge.model_fit import Fitting


class Truth(int):
    """What comparing tensors gives: a truth with ``all()``."""

    def __or__(self, other: int) -> Truth:
        return Truth(bool(self) or bool(other))

    def __and__(self, other: int) -> Truth:
        return Truth(bool(self) and bool(other))

    def all(self) -> bool:
        return bool(self)


class Weight:
    """What of a tensor is asked for, in plain Python."""

    dtype, device, is_sparse = "float32", "cpu", False

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def detach(self) -> Weight:
        return self

    def to(self, **_: Any) -> Weight:
        return self

    def __eq__(self, other: object) -> Any:
        return Truth(self is other)

    def __ne__(self, other: object) -> Any:
        return Truth(self is not other)

    __hash__ = None  # type: ignore[assignment]


MODEL = '''
class Model:
    def __init__(self, **wanted):
        self.wanted = wanted

    def state_dict(self):
        return dict(self.wanted)

    def load_state_dict(self, state, strict=True):
        """As torch does: other sizes are an error, other names when it is strict."""
        for key, value in state.items():
            if key in self.wanted and self.wanted[key].shape != value.shape:
                raise RuntimeError("size mismatch")
        if strict and set(state) != set(self.wanted):
            raise RuntimeError("other keys")
        self.wanted = {key: state.get(key, value) for key, value in self.wanted.items()}
'''


@pytest.fixture
def fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """Tries to put a state into a model of certain weights, as a cell does."""
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    module = f"model_of_{abs(hash(request.node.name))}"

    def fit(state: Any, wanted: dict[str, Weight], text: str = MODEL) -> Fitting:
        (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")
        offer(str(tmp_path))
        monkeypatch.setattr("builtins.wanted_of_the_test", wanted, raising=False)
        seen = observe_fit(state, {"module": module, "factory": "make"})
        found = read_fit(seen)
        assert found is not None
        return explain_fit(found)

    return fit


MAKE = MODEL + "\ndef make():\n    return Model(**wanted_of_the_test)\n"


def test_keys_that_are_the_models_with_other_sizes_are_said_to_be(fitted: Any) -> None:
    state = {"weight": Weight(4, 5), "bias": Weight(4)}
    found = fitted(state, {"weight": Weight(3, 5), "bias": Weight(3)}, MAKE)
    assert "2 of another size" in found.sentence
    assert found.cause == "the keys are the model's, the sizes are not: it is another architecture"
    found = fitted({"weight": Weight(4, 5)}, {"weight": Weight(3, 5), "bias": Weight(3)}, MAKE)
    assert found.cause.startswith("1 of 2 keys are the model's, the sizes are not")
    wrapped = {f"module.{key}": value for key, value in state.items()}
    found = fitted(wrapped, {"weight": Weight(3, 5), "bias": Weight(3)}, MAKE)
    assert found.cause.startswith("its keys begin with «module.»")
    assert found.cause.endswith("and the keys are the model's, the sizes are not: it is another "
                                "architecture")  # fmt: skip


def test_the_prefix_whose_sizes_fit_is_found_among_many(fitted: Any) -> None:
    state = {f"layers.{n}.{key}": Weight(9) for n in range(200) for key in ("weight", "bias")}
    state["zz.weight"], state["zz.bias"] = Weight(3, 5), Weight(3)
    found = fitted(state, {"weight": Weight(3, 5), "bias": Weight(3)}, MAKE)
    assert "its keys begin with «zz.»" in found.cause
    assert found.verified


def test_thousands_of_prefixes_take_no_time(fitted: Any) -> None:
    state = {f"layers.{n}.weight": Weight(2) for n in range(8_000)}
    before = time.process_time()
    found = fitted(state, {"weight": Weight(3, 5), "bias": Weight(3)}, MAKE)
    assert time.process_time() - before < 2
    assert found.cause == "no key of the file is one of the model's: it is another architecture"


def test_a_module_that_ends_the_program_is_a_model_that_is_none(fitted: Any) -> None:
    found = fitted({}, {}, "import sys\nsys.exit(7)\n")
    assert found.sentence == "the model's module cannot be imported: SystemExit: 7"
    assert found.cause == ""


def test_what_lies_beside_the_module_is_said_not_to_be_there(fitted: Any) -> None:
    found = fitted({}, {}, "from layers_that_lie_beside import lin\n")
    assert "No module named 'layers_that_lie_beside'" in found.sentence
    assert "only this one file of yours" in found.cause
