"""Reads package indexes anew into ``matrices/data/wheels.json``.

``ckptmatrix wheels refresh`` runs it. An index that does not answer leaves what is known of its
builds as it is.
"""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from packaging.utils import BuildTag, InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from ckptmatrix import shipped
from ckptmatrix.errors import UsageError
from ckptmatrix.matrix.wheels import DEFAULT_BUILD, MACHINES, index_of, load_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ckptmatrix.matrix.wheels import Builds, Releases

__all__ = ["refresh_wheels", "render", "table_of"]

#: Free-threaded (``cp313t``) and Python 2 builds are other environments than a cell can name.
_TAG = re.compile(r"cp(3)(\d{1,2})")
_MACHINE = re.compile(r"(?:manylinux\w*|linux)_(x86_64|aarch64)")
_TIMEOUT = (10, 60)
_INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")


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


def render(builds: Builds, *, date: str) -> str:
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
    return f'{{\n  "date": {json.dumps(date)},\n  "builds": {{\n{joined}\n  }}\n}}\n'


def refresh_wheels(environ: Mapping[str, str] = os.environ) -> str:
    """Read the indexes and write the table.

    Args:
        environ: The variables that name an index of one's own for pip and uv are honoured.

    Returns:
        One line for each build that was asked for: what was found.

    Raises:
        UsageError: The library that reads indexes is not installed.
    """
    facts = load_facts()
    builds: Builds = dict(facts.builds)
    own = next((environ[name] for name in _INDEX_VARIABLES if environ.get(name)), None)
    cuda = sorted({release for releases in facts.cuda.values() for release in releases})
    said = []
    for build in (DEFAULT_BUILD, "cpu", *cuda):
        table = _read(index_of(build) or own)
        if table is None:
            said.append(f"{build}: the index did not answer; what was known stays")
            if build == "cpu":
                said.append("the other builds lie on the same index and were not asked for")
                break
            continue
        builds[build] = table
        counts = [f"{len(releases)} for {machine}" for machine, releases in table.items()]
        said.append(f"{build}: releases with wheels: {', '.join(counts) or 'none'}")
    text = render(builds, date=datetime.now(UTC).date().isoformat())
    (shipped.matrices() / "data" / "wheels.json").write_text(text, encoding="utf-8")
    return "\n".join(said)


def _read(endpoint: str | None) -> dict[str, Releases] | None:
    """The wheels of torch in one index, or None when it does not answer."""
    try:
        from pypi_simple import NoSuchProjectError, PyPISimple  # noqa: PLC0415 - an extra
        from requests import RequestException  # noqa: PLC0415 - comes with the same extra
    except ModuleNotFoundError as error:
        msg = f"{error.name} is not installed; install the extra: pip install 'ckptmatrix[wheels]'"
        raise UsageError(msg) from None
    try:
        with PyPISimple(endpoint) if endpoint else PyPISimple() as client:
            page = client.get_project_page("torch", timeout=_TIMEOUT)
    except NoSuchProjectError:
        return {}
    except RequestException:
        return None
    return table_of((file.filename, file.size) for file in page.packages)
