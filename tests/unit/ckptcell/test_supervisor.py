from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptcell.manifest import Task
from ckptcell.supervisor import groups, needs_repeat

LIKE, OTHER = "1" * 64, "2" * 64


def task(
    case: str = "a", path: str = "p", mode: str | None = "plain", like: str | None = LIKE
) -> Any:
    return Task(
        id="x",
        case=case,
        mode=mode,
        path=path,
        sha256=None,
        like=like,
        source=None,
        fit=False,
        timeout_s=1.0,
    )


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("pq"))))
def test_groups_are_the_tasks_in_their_order(pairs: list[tuple[str, str]]) -> None:
    tasks = [task(*pair) for pair in pairs]
    made = groups(tasks)
    assert [one for group in made for one in group] == tasks
    kinds = [{(one.case, one.path) for one in group} for group in made]
    assert all(len(kind) == 1 for kind in kinds)
    assert all(before != after for before, after in pairwise(kinds))


@pytest.mark.parametrize(
    ("result", "observation", "isolation", "repeat", "again"),
    [
        ("returned", LIKE, "shared", False, False),
        ("returned", LIKE, "alone", True, False),
        ("returned", OTHER, "shared", False, True),
        ("returned", OTHER, "alone", False, False),
        ("returned", OTHER, "alone", True, True),
        ("raised", None, "shared", False, True),
        ("raised", None, "alone", False, False),
        ("raised", LIKE, "shared", False, True),
        ("died", None, "shared", False, True),
        ("timeout", None, "shared", False, True),
        ("output_flood", None, "shared", False, True),
        ("input_mismatch", None, "shared", False, True),
        ("died", None, "alone", True, True),
        ("unsupported", None, "shared", True, False),
    ],
)
def test_what_is_not_plainly_good_is_repeated_alone(
    result: str,
    observation: str | None,
    isolation: str,
    repeat: bool,  # noqa: FBT001 - a parameter of the test
    again: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    done = {"result": result, "observation": observation, "isolation": isolation}
    assert needs_repeat(task(), done, repeat) is again


@pytest.mark.parametrize(
    ("observation", "first", "again"),
    [(OTHER, None, False), (OTHER, OTHER, False), (OTHER, LIKE, True)],
)
def test_without_a_producer_the_first_load_is_what_others_are_like(
    observation: str,
    first: str | None,
    again: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    done = {"result": "returned", "observation": observation, "isolation": "shared"}
    assert needs_repeat(task(like=None), done, repeat=True, like=first) is again
