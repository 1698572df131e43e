"""What the user told pip, so that uv can be told the same."""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ckptmatrix.errors import UsageError
from ckptmatrix.providers.venv.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["pip_config_files", "read_pip_settings"]


def pip_config_files(environ: Mapping[str, str], prefix: Path) -> list[Path]:
    """Where pip looks for its settings, weakest first.

    The order is that of https://pip.pypa.io/en/stable/topics/configuration/: global, user, site,
    then ``PIP_CONFIG_FILE``, which ends the search when it names the null device.

    Args:
        environ: Environment variables.
        prefix: ``sys.prefix``, where the site's file lies.

    Returns:
        Paths; most do not exist.
    """
    chosen = environ.get("PIP_CONFIG_FILE", "")
    if chosen == os.devnull:
        return []
    home = Path(environ.get("HOME") or "~").expanduser()
    shared = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    own = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return [
        *(Path(folder) / "pip" / "pip.conf" for folder in reversed(shared) if folder),
        Path("/etc/pip.conf"),
        home / ".pip" / "pip.conf",
        own / "pip" / "pip.conf",
        prefix / "pip.conf",
        *([Path(chosen)] if chosen else []),
    ]


def read_pip_settings(environ: Mapping[str, str], files: Iterable[Path]) -> Sources:
    """Read pip's settings as ``pip install`` would.

    ``[install]`` is stronger than ``[global]`` and ``PIP_*`` variables are stronger than both; an
    empty value counts as absent.

    Args:
        environ: Environment variables.
        files: Settings files, weakest first; those that do not exist are passed over.

    Raises:
        UsageError: A file is not a settings file.
    """
    found: dict[tuple[str, str], str] = {}
    for file in files:
        for section, name, value in _entries(file):
            found[section, name] = value

    def setting(name: str) -> str:
        places = (
            environ.get("PIP_" + name.upper().replace("-", "_"), ""),
            found.get(("install", name), ""),
            found.get(("global", name), ""),
        )
        return next((value.strip() for value in places if value.strip()), "")

    return Sources(
        index_url=setting("index-url"),
        extra_index_urls=tuple(setting("extra-index-url").split()),
        find_links=tuple(setting("find-links").split()),
        trusted_hosts=tuple(setting("trusted-host").split()),
        no_index=setting("no-index").lower() in {"1", "true", "yes", "on", "y", "t"},
        ca_bundle=setting("cert"),
    )


def _entries(file: Path) -> list[tuple[str, str, str]]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        msg = f"{file}: not a settings file of pip: {' '.join(str(error).split())}"
        raise UsageError(msg) from error
    return [
        (section, name.replace("_", "-"), value)
        for section in parser.sections()
        for name, value in parser.items(section)
    ]
