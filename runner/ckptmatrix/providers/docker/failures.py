"""Why an image could not be built, in one sentence, from its log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ckptmatrix.errors import CellError
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.images.recipe import Recipe

__all__ = ["TAIL_LINES", "build_failed"]

#: Lines of a build's log that go into a record.
TAIL_LINES = 20

#: Exit codes of ``images/install.j2`` and the templates that use it.
_EXIT_CODES = {
    "90": "it has no Python",
    "91": "its Python cannot make virtual environments; install its venv module (Debian: "
    "python3-venv) in it",
    "92": "its Python is another release than the cell's",
}
_CODE = re.compile(r"(?:exit code: |non-zero code: )(\d+)")
_KNOWN: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (
        re.compile(r"No space left on device|no space left on device"),
        lambda _: "the engine's disk is full; free some space: ckptmatrix images prune",
    ),
    (
        re.compile(r"No matching distribution found for ([^\s(]+)"),
        lambda m: f"there is no wheel of {m[1]} for this Python and platform",
    ),
    (
        re.compile(r"Could not find a version that satisfies the requirement ([^\s(]+)"),
        lambda m: f"there is no {m[1]} for this Python and platform",
    ),
    (
        re.compile(r"E: Unable to locate package (\S+)"),
        lambda m: f"its suite has no package {m[1]}",
    ),
    (
        re.compile(r"E: Package '(\S+)' has no installation candidate"),
        lambda m: f"its suite has no package {m[1]}",
    ),
    (
        re.compile(r"THESE PACKAGES DO NOT MATCH THE HASHES"),
        lambda _: "a download is not what the lock says; --update-locks makes the lock anew",
    ),
    (
        re.compile(r"CERTIFICATE_VERIFY_FAILED"),
        lambda _: "a package index has a certificate the build does not trust; set build.ca_bundle",
    ),
    (
        re.compile(
            r"Temporary failure resolving|Temporary failure in name resolution"
            r"|Name or service not known|Failed to establish a new connection|Could not connect to"
        ),
        lambda _: (
            "the package index cannot be reached from the engine; check its network, "
            "build.index and the proxy variables"
        ),
    ),
    (
        re.compile(r"Release file for \S+ is (?:not valid yet|expired)"),
        lambda _: (
            "the mirror's index is out of date; make the base with images/make-bases, or "
            "take another mirror"
        ),
    ),
)


def build_failed(recipe: Recipe, log: str) -> CellError:
    """The error of a cell whose image did not build.

    Args:
        recipe: What was built.
        log: What the builder said about it, ending with its error.
    """
    lines = [line for line in log.splitlines() if line.strip()]
    return CellError(
        Reason.INSTALL_FAILED, _explain(recipe, log, lines), "\n".join(lines[-TAIL_LINES:])
    )


def _explain(recipe: Recipe, log: str, lines: list[str]) -> str:
    code = _CODE.search(log)
    if code and code[1] in _EXIT_CODES:
        return f"the base image {recipe.base.name} does not serve: {_EXIT_CODES[code[1]]}"
    for pattern, sentence in _KNOWN:
        if match := pattern.search(log):
            return f"its image could not be built: {sentence(match)}"
    last = lines[-1].strip() if lines else "the builder did not say why"
    return f"its image could not be built: {last[:300]}"
