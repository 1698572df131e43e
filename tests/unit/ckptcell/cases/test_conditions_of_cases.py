"""What cases do to their own process to bring about what they are about, and undo."""

from __future__ import annotations

import os
import resource
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ckptcell import kernel
from ckptcell.cases import classes, memory, source

if TYPE_CHECKING:
    from pathlib import Path

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="what Linux enforces")


def test_nobody_reads_an_unreadable_file_without_privileges(tmp_path: Path) -> None:
    file = tmp_path / "unreadable"
    file.write_text("x")
    file.chmod(0)
    before = os.geteuid()
    with source._no_privileges(), pytest.raises(PermissionError):
        file.open()
    assert os.geteuid() == before
    if before == 0:
        assert file.read_text() == "x"


def test_privileges_come_back_after_an_error() -> None:
    before = os.geteuid()
    message = "something else"
    with pytest.raises(ValueError, match=message), source._no_privileges():
        raise ValueError(message)
    assert os.geteuid() == before


@linux
def test_room_is_what_is_said_beside_what_there_is() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS)
    size = 64 << 20
    with memory._room(size):
        present = kernel.address_space_bytes()
        assert present is not None
        assert resource.getrlimit(resource.RLIMIT_AS)[0] <= present + size
        with pytest.raises(MemoryError):
            bytearray(2 * size)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
    assert len(bytearray(2 * size)) == 2 * size


@pytest.mark.parametrize("case", [classes.ClassMissing, classes.ClassPackageMissing])
def test_a_class_is_there_for_as_long_as_it_is_saved(case: Any) -> None:
    home = case().home()

    class Block:
        pass

    with classes._has(home, Block):
        assert home.Block is Block
        assert Block.__module__ == home.__name__
    assert not hasattr(home, "Block")
    assert "segmentation_project" not in sys.modules
