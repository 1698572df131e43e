"""What is found of optimizers and schedulers, and how little a hostile file can make of that."""

from __future__ import annotations

import collections
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from archive_files import saved
from ckptmatrix.archive.reading import ParameterGroup

if TYPE_CHECKING:
    from archive_files import Read
    from ckptmatrix.archive.reading import Reading

ADAM = {"lr": 0.1, "betas": (0.9, 0.99), "fused": True, "foreach": None, "params": [0, 1]}
CYCLIC = {"base_lrs": [0.1], "max_lrs": [0.2], "step_ratio": 0.5, "last_epoch": 3}


def reading_of(obj: Any, read: Read) -> Reading:
    return read(saved(pickle.dumps(obj, 2)))


@pytest.mark.parametrize(
    "place",
    [
        lambda found: found,
        lambda found: {"epoch": 3, "optimizer": found},
        lambda found: {"optimizers": [found]},
        lambda found: ("Adam", found),
    ],
)
def test_groups_of_parameters_near_the_top(place: Any, read: Read) -> None:
    state = {"state": {}, "param_groups": [ADAM, {**ADAM, "lr": 0.2}, {**ADAM, "fused": False}]}
    names = ("lr", "betas", "fused", "foreach", "params")
    assert reading_of(place(state), read).groups == (
        ParameterGroup(options=names, on=("fused",)),
        ParameterGroup(options=names),
    )


def test_only_what_is_plainly_true_is_on(read: Read) -> None:
    group = collections.OrderedDict(fused=1, foreach="True", amsgrad=[True], maximize=True)
    (found,) = reading_of({"param_groups": [group]}, read).groups
    assert found.on == ("maximize",)


def test_states_of_schedulers_near_the_top(read: Read) -> None:
    nested = {"_schedulers": [CYCLIC, {"last_epoch": 1}], "last_epoch": 3, "milestones": [2]}
    assert reading_of({"scheduler": CYCLIC}, read).schedulers == (tuple(CYCLIC),)
    assert reading_of(CYCLIC, read).schedulers == (tuple(CYCLIC),)
    assert reading_of(nested, read).schedulers == (
        tuple(nested),
        tuple(CYCLIC),
        ("last_epoch",),
    )
    assert reading_of({"weight": 1}, read).schedulers == ()


@pytest.mark.parametrize(
    "obj",
    [
        {"param_groups": {"fused": True}},
        {"param_groups": ["fused", 3, None, ["fused"], ("a", True)]},
        {"param_groups": "fused"},
        {"last_epoch": {"last_epoch": None}, 3: {b"last_epoch": 1}},
        [[{"last_epoch"}], None, ({},)],
        None,
    ],
)
def test_other_types_switch_nothing_on(obj: Any, read: Read) -> None:
    assert all(not group.on for group in reading_of(obj, read).groups)


def test_what_lies_deep_is_not_looked_for(read: Read) -> None:
    obj: Any = {"param_groups": [ADAM], "last_epoch": 1}
    for _ in range(200):
        obj = {"in": [obj]}
    reading = reading_of(obj, read)
    assert (reading.groups, reading.schedulers) == ((), ())


def test_what_contains_itself_ends(read: Read) -> None:
    obj: dict[str, Any] = {"last_epoch": 1}
    obj["again"] = [obj, obj]
    assert reading_of(obj, read).schedulers == (("last_epoch", "again"),)


def test_long_lists_are_cut(read: Read) -> None:
    names = {f"{number}{'x' * 300}": True for number in range(3_000)}
    groups = [{f"option {number}": True} for number in range(3_000)]
    schedules = [{"last_epoch": 0, f"key {number}": 0} for number in range(3_000)]
    obj = {
        "param_groups": [names, *groups],
        "more": [{"param_groups": groups}] * 60,
        "s": schedules,
    }
    reading = reading_of(obj, read)
    assert len(reading.groups) == 50
    assert len(reading.schedulers) <= 50
    assert len(reading.groups[0].options) == 50
    assert all(len(name) <= 200 for group in reading.groups for name in (*group.options, *group.on))
