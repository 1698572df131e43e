from __future__ import annotations

from dataclasses import replace

import pytest

from ckptmatrix.providers.docker.clean import is_left_over
from ckptmatrix.providers.docker.labels import OWNER, Owner

HERE = Owner.this_process()
DEAD = replace(HERE, pid=2**22 + 1)
ELSEWHERE = replace(DEAD, host="elsewhere")


@pytest.mark.parametrize(
    ("labels", "usually", "everything"),
    [
        ({}, False, False),
        ({"com.example": "not ours"}, False, False),
        ({OWNER: HERE.label}, False, True),
        ({OWNER: DEAD.label}, True, True),
        ({OWNER: ELSEWHERE.label}, False, True),
        ({OWNER: "of an older version"}, True, True),
    ],
)
def test_what_is_removed(labels: dict[str, str], usually: bool, everything: bool) -> None:  # noqa: FBT001 - a table
    assert is_left_over(labels, everything=False) is usually
    assert is_left_over(labels, everything=True) is everything
