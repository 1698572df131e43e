"""What goes into an image made of wheels: resolved here, installed in the engine."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from ckptmatrix.images.recipe import PROXY_VARIABLES, Settings
from ckptmatrix.providers.venv.folders import hold
from ckptmatrix.providers.venv.locks import read_lock, request_of, resolve, write_lock

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from packaging.tags import Tag

    from ckptmatrix.matrix.cell import Cell
    from ckptmatrix.providers.venv.locks import Lock
    from ckptmatrix.providers.venv.sources import Sources
    from ckptmatrix.providers.venv.uv import Uv

__all__ = ["Locks", "build_settings", "local_wheels", "reachable_sources"]

#: What uv calls a platform. Its name without a libc version means the oldest that wheels of
#: today's packages support.
_TRIPLES = {"linux/amd64": "x86_64-unknown-linux-gnu", "linux/arm64": "aarch64-unknown-linux-gnu"}
_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


class Locks:
    """Locks of cells made of wheels, kept in a folder.

    Args:
        folder: Where they are kept; made when needed.
        uv: Resolves.
        sources: Where packages come from; see :func:`reachable_sources`.
        update: Whether locks are made anew, once each.
    """

    def __init__(self, folder: Path, uv: Uv, sources: Sources, *, update: bool = False) -> None:
        self._folder = folder
        self._uv = uv
        self._sources = sources
        self._update = update
        self._updated: set[str] = set()
        self._unreachable: set[str] = set()

    def get(self, cell: Cell, *, cancel: threading.Event, progress: Callable[[str], None]) -> Lock:
        """The lock of a cell, made when there is none.

        Raises:
            CellError: There is no solution, or no index answers.
            Cancelled: ``cancel`` was set.
        """
        request = request_of(cell, self._sources)
        path = self._folder / f"{cell.id}-{request.digest}.txt"
        with hold(path.with_suffix(".lock"), cancel):
            stale = self._update and path.name not in self._updated
            lock = None if stale else read_lock(path)
            if lock is None:
                progress("resolving")
                target = (
                    *("--python-version", cell.python or ""),
                    *("--python-platform", _TRIPLES[cell.platform]),
                )
                lock = resolve(
                    self._uv, request, target, unreachable=self._unreachable, cancel=cancel
                )
                write_lock(path, lock)
                self._updated.add(path.name)
        return lock


def reachable_sources(sources: Sources) -> Sources:
    """Those places that a build in an engine can reach, or that can be sent to it.

    Folders of wheels are sent; an index that is a folder of this machine is not.
    """
    return replace(
        sources,
        index_url="" if _is_folder(sources.index_url) else sources.index_url,
        extra_index_urls=tuple(url for url in sources.extra_index_urls if not _is_folder(url)),
    )


def build_settings(
    base: str, sources: Sources, *, first: str | None, environ: Mapping[str, str]
) -> Settings:
    """The settings of a build.

    Args:
        base: Base image of cells made of wheels.
        sources: Where packages come from.
        first: Another index, asked before the extra ones.
        environ: The user's environment variables: proxies, uv's default index.
    """
    index = sources.index_url or environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL", "")
    proxies = {
        name: value
        for name in PROXY_VARIABLES
        if (value := environ.get(name) or environ.get(name.upper()))
    }
    return Settings(
        base=base,
        index_url=index,
        extra_index_urls=(*([first] if first else []), *sources.extra_index_urls),
        find_links=tuple(place for place in sources.find_links if not _is_local(place)),
        trusted_hosts=sources.trusted_hosts,
        no_index=sources.no_index,
        ca_bundle=Path(sources.ca_bundle) if sources.ca_bundle else None,
        proxies=proxies,
    )


def local_wheels(cell: Cell, lock: str, sources: Sources) -> dict[str, Path]:
    """Files in folders of wheels that a lock names: they are sent along with the build.

    Args:
        cell: Its Python and platform decide which of a release's wheels.
        lock: Pinned requirements with hashes.
        sources: Names the folders.

    Returns:
        File name → file.
    """
    pins = {
        (canonicalize_name(name), version)
        for name, version in re.findall(r"^([\w.-]+)==([^\s\\;]+)", lock, re.MULTILINE)
    }
    found: dict[str, Path] = {}
    for place in sources.find_links:
        if not _is_local(place):
            continue
        folder = Path(place.removeprefix("file://"))
        for path in sorted(folder.iterdir()) if folder.is_dir() else [folder]:
            if _is_wanted(path.name, pins, cell) and _sha256(path) in lock:
                found.setdefault(path.name, path)
    return found


def _is_wanted(filename: str, pins: AbstractSet[tuple[str, str]], cell: Cell) -> bool:
    try:
        name, version, _, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        try:
            name, version = parse_sdist_filename(filename)
        except InvalidSdistFilename:
            return False
        return (name, str(version)) in pins
    return (name, str(version)) in pins and any(_suits(tag, cell) for tag in tags)


def _suits(tag: Tag, cell: Cell) -> bool:
    digits = (cell.python or "").replace(".", "")
    interpreter = tag.interpreter in {f"cp{digits}", f"py{digits}", "py3"} or tag.abi == "abi3"
    machine = _MACHINES[cell.platform]
    return interpreter and (
        tag.platform == "any"
        or (tag.platform.startswith(("linux", "manylinux")) and tag.platform.endswith(machine))
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_local(place: str) -> bool:
    return urlsplit(place).scheme in {"", "file"}


def _is_folder(url: str) -> bool:
    return urlsplit(url).scheme == "file"
