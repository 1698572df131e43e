"""A case as the orchestrator knows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ckptmatrix.words import OpenedAs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckptmatrix.words import Mode

__all__ = ["CaseInfo"]


@dataclass(frozen=True, kw_only=True)
class CaseInfo:
    """A case as the orchestrator knows it.

    Attributes:
        name: Unique.
        family: Its group.
        title: One sentence.
        modes: Modes that apply, in rising trust, then the cures the case wants tried.
        format: Key of ``ckptcell.modes.MODES``.
        variant_of: Name of the case whose content this one saves in a way that may load where that
            one fails, or empty.
        cure: One word for that way (``legacy_format``), a key of the diagnosis' cures, or empty.
        filename: Name of the checkpoint file or folder.
        needs: Dotted names a producer must have.
        loader: Dotted names a consumer must have.
        memory_bytes: How many bytes a load may take beyond what its process has, or None.
        opened_as: What the loader is given.
        policy: What the judge compares and how closely; see ``ckptcell.cases.base``.
        expect: What a good environment answers; see ``ckptcell.cases.base``.
        digest: SHA-256 of everything in its source that can change an observation.
        module: Import name in the cell: ``ckptcell.cases.state`` or ``ckptcell_user_<stem>_<hex>``.
        source: File and line, for error messages: ``cases/mine.py:12``.
    """

    name: str
    family: str
    title: str
    modes: tuple[Mode, ...]
    format: str = "pickle"
    variant_of: str = ""
    cure: str = ""
    filename: str = "checkpoint.pt"
    needs: tuple[str, ...] = ()
    loader: tuple[str, ...] = ()
    memory_bytes: int | None = None
    opened_as: OpenedAs = OpenedAs.PATH
    policy: Mapping[str, Any] = field(default_factory=dict)
    expect: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
    module: str = ""
    source: str = ""
