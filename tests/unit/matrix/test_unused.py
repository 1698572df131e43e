from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.matrix.unused import unused_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.matrix.model import Matrix

CELL = "include: [{python: '3.11', torch: '2.6.0'}]\n"


@pytest.mark.parametrize("provider", ["venv", "docker"])
def test_what_is_not_written_is_not_named(load: Callable[..., Matrix], provider: str) -> None:
    text = CELL + "limits: {memory: 2GB, timeout: 5s}\nhosts: [{name: here, provider: venv}]\n"
    assert unused_settings(load(text), provider) == ()


def test_virtual_environments_bound_neither_processes_nor_disk(
    load: Callable[..., Matrix],
) -> None:
    matrix = load(CELL + "limits: {disk: 20GB, pids: 256}\nbuild: {base: 'own:{python}'}\n")
    said = unused_settings(matrix, "venv")
    assert [phrase.partition(" ")[0] for phrase in said] == [
        "limits.disk",
        "limits.pids",
        "build.base",
    ]
    assert [phrase.partition(" ")[0] for phrase in unused_settings(matrix, "docker")] == [
        "limits.disk"
    ]


def test_hosts_after_the_first(load: Callable[..., Matrix]) -> None:
    matrix = load(CELL + "hosts: [{name: a}, {name: b}, {name: c}]\n")
    assert unused_settings(matrix, "docker") == ("hosts b, c (a run uses the first host)",)
