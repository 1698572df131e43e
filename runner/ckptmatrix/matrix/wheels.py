"""Which wheels of torch are published, so that a cell without one is known before anything starts.

The tables lie in ``matrices/data``:

``wheels.json``
    What indexes list: build → machine → torch → Python → size of the wheel in bytes, and the day
    each build's index was read. Made by ``ckptmatrix wheels refresh``.
``cuda.json``
    The CUDA releases each torch series was announced for, from torch's own pages. Builds exist that
    were never announced (2.9.1 for CUDA 12.9), so only CUDA releases outside that span are refused.
``indexes.json``
    Where builds other than the default are published.

What neither table knows is tried, not refused. Nothing here holds for a matrix with an index or
wheels of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING

from ckptmatrix import shipped
from ckptmatrix.matrix.cell import Cell, release_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "DEFAULT_BUILD",
    "MACHINES",
    "Builds",
    "WheelFacts",
    "build_of",
    "download_bytes",
    "index_of",
    "load_facts",
    "pythons",
    "why_no_wheel",
]

#: The build that Python's own package index serves.
DEFAULT_BUILD = "default"
#: Platform of a cell → machine in the names of wheels.
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}

#: torch → Python → bytes, None where the index does not say.
Releases = dict[str, dict[str, int | None]]
#: build → machine → torch → Python → bytes.
Builds = dict[str, dict[str, Releases]]


@dataclass(frozen=True, kw_only=True)
class WheelFacts:
    """The tables.

    Attributes:
        builds: What indexes list.
        cuda: torch series (``2.6``) → CUDA releases announced for it.
        dates: Build → day its index was read.
    """

    builds: Builds
    cuda: Mapping[str, tuple[str, ...]]
    dates: Mapping[str, str] = field(default_factory=dict)


@cache
def load_facts() -> WheelFacts:
    """The tables that ship with this package."""
    folder = shipped.matrices() / "data"
    wheels = json.loads((folder / "wheels.json").read_text(encoding="utf-8"))
    cuda = json.loads((folder / "cuda.json").read_text(encoding="utf-8"))
    return WheelFacts(
        builds=wheels["builds"],
        cuda={series: tuple(entry["cuda"]) for series, entry in cuda["torch"].items()},
        dates=wheels["dates"],
    )


def build_of(cuda: str) -> str:
    """A build's name in addresses of indexes and in local versions.

    Args:
        cuda: ``cpu`` or a CUDA release such as ``12.4``.

    Returns:
        ``cpu``, ``cu124``.
    """
    return cuda if cuda == "cpu" else "cu" + cuda.replace(".", "")


def index_of(cuda: str) -> str | None:
    """Address of the index that has a build.

    Args:
        cuda: ``cpu`` or a CUDA release such as ``12.4``; ``default`` needs no index of its own.

    Returns:
        The address, or None for ``default``.
    """
    if cuda == DEFAULT_BUILD:
        return None
    text = (shipped.matrices() / "data" / "indexes.json").read_text(encoding="utf-8")
    template: str = json.loads(text)["pytorch"]
    return template.format(build=build_of(cuda))


def download_bytes(cell: Cell, facts: WheelFacts | None = None) -> int | None:
    """Size of the torch wheel a cell needs, without what it depends on; None when not known."""
    machine = MACHINES.get(cell.platform, "")
    builds = (facts or load_facts()).builds
    releases = builds.get(cell.cuda, {}).get(machine, {})
    return releases.get(cell.torch or "", {}).get(cell.python or "")


def why_no_wheel(cell: Cell, facts: WheelFacts | None = None) -> str | None:
    """Why a cell of wheels cannot exist.

    Args:
        cell: Any cell; one of a suite or an image is never refused.
        facts: The tables; the shipped ones by default.

    Returns:
        One sentence, or None when there is a wheel or nobody knows.
    """
    if cell.torch is None or cell.python is None or cell.platform not in MACHINES:
        return None
    known = facts or load_facts()
    machine = MACHINES[cell.platform]
    default = known.builds[DEFAULT_BUILD]
    everywhere = _together(default.values())
    listed = known.builds.get(cell.cuda)
    if listed is not None:
        return _not_listed(cell, listed.get(machine, {}), machine)
    if cell.torch not in everywhere:
        return _no_release(cell.torch, everywhere)
    if cell.python not in everywhere[cell.torch]:
        return _no_python(cell, everywhere)
    return _no_cuda(cell, known.cuda, machine)


def pythons(versions: Iterable[str]) -> str:
    """``3.8 to 3.11`` for consecutive versions, ``3.6, 3.8 and 3.9`` for others."""
    minors = sorted(release_of(version) for version in set(versions))
    runs = [
        [minor for _, minor in run]
        for _, run in groupby(enumerate(minors), key=lambda at: (at[1][0], at[1][1] - at[0]))
    ]
    names = []
    for run in runs:
        first, last = (f"{minor[0]}.{minor[1]}" for minor in (run[0], run[-1]))
        names += [f"{first} to {last}"] if len(run) > 2 else [f"{m[0]}.{m[1]}" for m in run]  # noqa: PLR2004 - two are listed
    return " and ".join([", ".join(names[:-1]), names[-1]]) if names[1:] else "".join(names)


def _together(tables: Iterable[Releases]) -> Releases:
    """Several machines' tables as one."""
    merged: Releases = {}
    for table in tables:
        for torch, sizes in table.items():
            merged.setdefault(torch, {}).update(sizes)
    return merged


def _not_listed(cell: Cell, releases: Releases, machine: str) -> str | None:
    """The answer where an index was read: what it does not list, it does not have."""
    torch = cell.torch or ""
    if torch not in releases:
        return _no_release(torch, releases, machine)
    return None if cell.python in releases[torch] else _no_python(cell, releases)


def _no_release(torch: str, releases: Releases, machine: str = "") -> str | None:
    ordered = sorted(releases, key=release_of)
    below = [release for release in ordered if release_of(release) < release_of(torch)]
    above = [release for release in ordered if release_of(release) > release_of(torch)]
    if not above:
        return None
    where = f" for {machine}" if machine else ""
    hint = f"those nearest to it are {below[-1]} and" if below else "the first that has is"
    return f"torch {torch} has no published wheels{where}; {hint} {above[0]}"


def _no_python(cell: Cell, releases: Releases) -> str:
    python = cell.python or ""
    having = sorted((torch for torch in releases if python in releases[torch]), key=release_of)
    hint = ""
    if having and release_of(having[0]) > release_of(cell.torch or ""):
        hint = f"; the first torch with wheels for {python} is {having[0]}"
    elif having:
        before = [torch for torch in having if release_of(torch) < release_of(cell.torch or "")]
        hint = f"; the last torch with wheels for {python} is {(before or having)[-1]}"
    return (
        f"torch {cell.torch} has no wheel for Python {python}; "
        f"its wheels are for {pythons(releases[cell.torch or ''])}{hint}"
    )


def _no_cuda(cell: Cell, announced: Mapping[str, tuple[str, ...]], machine: str) -> str | None:
    major, minor, *_ = release_of(cell.torch or "")
    releases = announced.get(f"{major}.{minor}")
    if not cell.cuda[0].isdigit() or releases is None or machine != "x86_64":
        return None
    span = sorted(release_of(release) for release in releases)
    if span[0] <= release_of(cell.cuda) <= span[-1]:
        return None
    ordered = sorted(releases, key=release_of)
    shown = " and ".join([", ".join(ordered[:-1]), ordered[-1]]) if ordered[1:] else ordered[0]
    return f"torch {cell.torch} was not built for CUDA {cell.cuda}; its CUDA builds are {shown}"
