"""The cell program as one file, and the digest of the part of it that makes observations."""

from __future__ import annotations

import hashlib
import zipfile
from functools import cache
from io import BytesIO
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ckptmatrix.atomic import write_atomic
from ckptmatrix.shipped import cell_program_source

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["build_cell_program", "observer_digest"]

_ENTRY = """\
import sys

from ckptcell.__main__ import main

sys.exit(main(sys.argv[1:]))
"""
_CASES = PurePosixPath("ckptcell/cases")
#: Files among the cases that are not cases: what they say holds for every observation.
_NOT_CASES = {_CASES / "__init__.py", _CASES / "base.py"}


@cache
def _sources() -> dict[PurePosixPath, bytes]:
    """Text of every module by its path in the program, sorted."""
    root = cell_program_source()
    found = {
        PurePosixPath(root.name, *path.relative_to(root).parts): path.read_bytes()
        for path in root.rglob("*.py")
    }
    return dict(sorted(found.items()))


@cache
def _archive() -> bytes:
    """The program: equal sources give equal bytes, whatever machine packs them."""
    packed = BytesIO()
    # Stored, not deflated: zlib's output differs between its versions, and some Pythons lack it.
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for path, text in {PurePosixPath("__main__.py"): _ENTRY.encode(), **_sources()}.items():
            member = zipfile.ZipInfo(str(path), date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3
            member.external_attr = 0o100644 << 16
            archive.writestr(member, text)
    return packed.getvalue()


def build_cell_program(target_dir: Path) -> Path:
    """Write the cell program as one zip file that any Python since 3.6 runs.

    Args:
        target_dir: Existing folder. A file of the same content already there is left alone.

    Returns:
        The file, whose name carries the digest of its content.
    """
    content = _archive()
    target = target_dir / f"ckptcell-{hashlib.sha256(content).hexdigest()[:16]}.pyz"
    if not target.exists():
        write_atomic(target, content)
    return target


@cache
def observer_digest() -> str:
    """Digest of the cell program without its cases: equal digests make equal observations."""
    digest = hashlib.sha256()
    for path, text in _sources().items():
        if path.is_relative_to(_CASES) and path not in _NOT_CASES:
            continue
        digest.update(f"{hashlib.sha256(text).hexdigest()}  {path}\n".encode())
    return digest.hexdigest()
