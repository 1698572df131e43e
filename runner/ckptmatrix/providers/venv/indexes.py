"""Where wheels come from: the matrix's settings, then uv's own, then pip's."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ckptmatrix.providers.venv.pip_settings import pip_config_files, read_pip_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckptmatrix.providers.venv.sources import Sources

__all__ = ["combine", "find_sources"]

#: uv's variables that change what it answers, not how it gets there:
#: https://docs.astral.sh/uv/reference/environment/
_UV_PLACES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS")
_UV_CHOICES = ("UV_EXCLUDE_NEWER", "UV_PRERELEASE", "UV_RESOLUTION", "UV_INDEX_STRATEGY")
#: Those that name files of requirements, whose content counts.
_UV_FILES = ("UV_CONSTRAINT", "UV_OVERRIDE")


def find_sources(
    environ: Mapping[str, str], *, index: str = "", find_links: str = "", ca_bundle: str = ""
) -> Sources:
    """The places that hold on this machine for a matrix.

    Args:
        environ: Environment variables of the user.
        index: The matrix's own index, or empty.
        find_links: The matrix's own wheels, or empty.
        ca_bundle: The matrix's own certificates, or empty.

    Raises:
        UsageError: A settings file of pip cannot be read.
    """
    pip = read_pip_settings(environ, pip_config_files(environ, Path(sys.prefix)))
    return combine(environ, pip, index=index, find_links=find_links, ca_bundle=ca_bundle)


def combine(
    environ: Mapping[str, str],
    pip: Sources,
    *,
    index: str = "",
    find_links: str = "",
    ca_bundle: str = "",
) -> Sources:
    """Merge the matrix's settings, uv's own variables and pip's settings, strongest first."""
    uv_has_index = any(environ.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"))
    local = [_as_pip_reads(place) for place in pip.find_links]
    return replace(
        pip,
        index_url=index or ("" if uv_has_index else pip.index_url),
        find_links=(
            *([find_links] if find_links else []),
            # pip passes over a folder that is not there; uv would give up.
            *(place for place in local if _is_url(place) or Path(place).exists()),
        ),
        ca_bundle=ca_bundle or environ.get("SSL_CERT_FILE", "") or pip.ca_bundle,
        uv_settings=_uv_settings(environ),
    )


def _uv_settings(environ: Mapping[str, str]) -> tuple[str, ...]:
    files = {
        f"{name}={path}": _content_digest(Path(path))
        for name in _UV_FILES
        for path in environ.get(name, "").split()
    }
    return (
        *(f"{name}={environ[name]}" for name in (*_UV_PLACES, *_UV_CHOICES) if environ.get(name)),
        *(f"{name} {content}" for name, content in files.items()),
    )


def _content_digest(file: Path) -> str:
    """What is in a file; nothing when uv will say that it cannot be read."""
    if not os.access(file, os.R_OK) or not file.is_file():
        return ""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _as_pip_reads(place: str) -> str:
    return place if _is_url(place) else str(Path(place).expanduser().absolute())


def _is_url(place: str) -> bool:
    return bool(urlsplit(place).scheme)
