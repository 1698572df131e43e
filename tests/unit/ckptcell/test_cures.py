from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

from ckptcell import cures


def state(*keys: str) -> OrderedDict[str, int]:
    return OrderedDict((key, place) for place, key in enumerate(keys))


class Model:
    """Takes a state dict and remembers what it was told."""

    def __init__(self) -> None:
        self.given: list[tuple[list[Any], bool]] = []

    def load_state_dict(self, given: Any, *, strict: bool) -> str:
        self.given.append((list(given), strict))
        return "what it says"


@pytest.mark.parametrize(
    ("keys", "bare"),
    [
        (["module.0.weight", "module.0.bias"], ["0.weight", "0.bias"]),
        (["_orig_mod.0.weight"], ["0.weight"]),
        (["module._orig_mod.0.weight"], ["0.weight"]),
        (["_orig_mod.module.module.0.weight"], ["0.weight"]),
        (["0.weight", "head.module.bias"], ["0.weight", "head.module.bias"]),
        (["modules.0.weight"], ["modules.0.weight"]),
        (["module." * 5_000 + "weight"], ["weight"]),
        ([], []),
    ],
)
def test_prefixes_are_stripped(keys: list[str], bare: list[str]) -> None:
    assert list(cures.stripped(state(*keys)).items()) == list(state(*bare).items())


def test_a_prefix_is_added_and_stripped_again() -> None:
    bare = state("0.weight", "0.bias")
    wrapped = cures.prefixed(bare)
    assert list(wrapped.items()) == list(state("module.0.weight", "module.0.bias").items())
    assert cures.stripped(wrapped) == bare


def test_versions_of_modules_move_with_the_keys() -> None:
    wrapped: Any = state("module.0.weight")
    wrapped._metadata = {"": {}, "module": {"version": 1}, "module.0": {"version": 2}}
    bare = cures.stripped(wrapped)
    assert bare._metadata == {"": {"version": 1}, "0": {"version": 2}}
    assert cures.prefixed(bare)._metadata == {"module": {"version": 1}, "module.0": {"version": 2}}
    assert wrapped._metadata.keys() == {"", "module", "module.0"}


@pytest.mark.parametrize(
    ("mode", "keys", "strict"),
    [
        ("plain", ["module.weight"], True),
        ("trusted", ["module.weight"], True),
        ("stripped", ["weight"], True),
        ("prefixed", ["module.module.weight"], True),
        ("partial", ["module.weight"], False),
    ],
)
def test_a_cure_is_one_change(mode: str, keys: list[str], *, strict: bool) -> None:
    model = Model()
    assert cures.load_into(model, state("module.weight"), mode) == "what it says"
    assert model.given == [(keys, strict)]


@pytest.mark.parametrize("mode", ["plain", "partial"])
def test_what_is_no_state_dict_is_left_to_torch(mode: str) -> None:
    model = Model()
    cures.load_into(model, [1, 2], mode)
    assert model.given == [([1, 2], mode == "plain")]
