"""What package indexes list, as the table in ``matrices/data/wheels.json``.

An index that does not answer leaves what is known of its builds as it is, with its date.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import BuildTag, InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from ckptmatrix.matrix.wheels import DEFAULT_BUILD, MACHINES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ckptmatrix.matrix.wheels import Builds, Releases, WheelFacts

__all__ = ["Refreshed", "refresh", "render", "table_of"]

#: Free-threaded (``cp313t``) and Python 2 builds are other environments than a cell can name.
_TAG = re.compile(r"cp(3)(\d{1,2})")
_MACHINE = re.compile(r"(?:manylinux\w*|linux)_(x86_64|aarch64)")


def table_of(files: Iterable[tuple[str, int | None]]) -> dict[str, Releases]:
    """Wheels as a table.

    Args:
        files: File names as an index lists them, with their sizes; what is not a wheel of a
            published release of torch for CPython on Linux is skipped.

    Returns:
        machine → torch → Python → bytes, in ascending order. Of several builds of one wheel the
        last one counts, which is what installers take.
    """
    found: dict[str, dict[Version, dict[tuple[int, int], tuple[BuildTag, int | None]]]]
    found = {machine: {} for machine in sorted(MACHINES.values(), reverse=True)}
    for filename, size in files:
        try:
            _, version, build, tags = parse_wheel_filename(filename)
        except InvalidWheelFilename:
            continue
        if version.is_prerelease:
            continue
        for tag in tags:
            python = _TAG.fullmatch(tag.interpreter)
            machine = _MACHINE.fullmatch(tag.platform)
            if python and machine and not tag.abi.endswith("t"):
                minor = (int(python[1]), int(python[2]))
                sizes = found[machine[1]].setdefault(Version(version.public), {})
                if minor not in sizes or sizes[minor][0] <= build:
                    sizes[minor] = (build, size)
    return {
        machine: {
            str(release): {f"{minor[0]}.{minor[1]}": sizes[minor][1] for minor in sorted(sizes)}
            for release, sizes in sorted(releases.items())
        }
        for machine, releases in found.items()
        if releases
    }


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What came of asking the indexes.

    Attributes:
        builds: The whole table.
        dates: Build → day its index was last read.
        answers: How many indexes answered.
        said: One line for each build that was asked for: what was found.
    """

    builds: Builds
    dates: Mapping[str, str]
    answers: int
    said: tuple[str, ...]


def refresh(
    facts: WheelFacts, read: Callable[[str], dict[str, Releases] | None], *, today: str
) -> Refreshed:
    """Put what indexes list now in place of what was known.

    Args:
        facts: What is known.
        read: The wheels of one build, or None when its index does not answer.
        today: The day, ``2026-11-22``.
    """
    builds: Builds = dict(facts.builds)
    dates = dict(facts.dates)
    said = []
    answers = 0
    cuda = sorted({release for releases in facts.cuda.values() for release in releases})
    for build in (DEFAULT_BUILD, "cpu", *cuda):
        table = read(build)
        if table is None:
            said.append(f"{build}: the index did not answer; what was known stays")
            if build == "cpu":
                said.append("the other builds lie on the same index and were not asked for")
                break
            continue
        answers += 1
        if not table and builds.get(build):
            said.append(f"{build}: the index has no torch; what was known stays")
            continue
        builds[build] = table
        dates[build] = today
        counts = [f"{len(releases)} for {machine}" for machine, releases in table.items()]
        said.append(f"{build}: releases with wheels: {', '.join(counts) or 'none'}")
    return Refreshed(builds=builds, dates=dates, answers=answers, said=tuple(said))


def render(builds: Builds, dates: Mapping[str, str]) -> str:
    """The file's text: one line a release, so that a refresh reads well as a difference."""
    blocks = []
    for build, machines in builds.items():
        tables = []
        for machine, releases in machines.items():
            lines = ",\n".join(
                f"        {json.dumps(torch)}: {json.dumps(sizes)}"
                for torch, sizes in releases.items()
            )
            tables.append(f"      {json.dumps(machine)}: {{\n{lines}\n      }}")
        blocks.append(f"    {json.dumps(build)}: {{\n" + ",\n".join(tables) + "\n    }")
    joined = ",\n".join(blocks)
    return f'{{\n  "dates": {json.dumps(dict(dates))},\n  "builds": {{\n{joined}\n  }}\n}}\n'
