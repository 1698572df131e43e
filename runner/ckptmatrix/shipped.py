"""Where the files that ship beside the code are: templates, matrices, the cell program."""

from __future__ import annotations

from pathlib import Path

__all__ = ["cell_program_source", "images", "matrices"]

_PACKAGE = Path(__file__).resolve().parent


def _shipped(name: str) -> Path:
    installed = _PACKAGE / "_shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent.parent / name


def images() -> Path:
    """Folder of the Dockerfile templates."""
    return _shipped("images")


def matrices() -> Path:
    """Folder of the shipped matrices, their schema and data."""
    return _shipped("matrices")


def cell_program_source() -> Path:
    """Folder of the package ``ckptcell``, which lies beside ours and is never imported here."""
    return _PACKAGE.parent / "ckptcell"
