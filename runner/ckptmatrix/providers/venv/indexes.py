"""Where wheels come from: the matrix's settings, then uv's own, then pip's."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ckptmatrix import shipped
from ckptmatrix.providers.venv.pip_settings import pip_config_files, read_pip_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckptmatrix.providers.venv.pip_settings import PipSettings

__all__ = ["Sources", "asked_build", "combine", "find_sources", "pytorch_index"]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where uv looks for packages.

    Attributes:
        index_url: The default index, or empty for uv's own choice.
        extra_index_urls: More indexes.
        find_links: Folders, files or pages that list wheels.
        trusted_hosts: Hosts whose certificates are not checked.
        no_index: Whether indexes are not asked at all.
        ca_bundle: File of certificates to trust, or empty.
    """

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    no_index: bool = False
    ca_bundle: str = ""

    def arguments(self, first: str = "") -> list[str]:
        """Command line arguments of uv for these places.

        All indexes are equal, as they are to pip: uv would otherwise stop at the first that knows
        a name, which for a name that a mirror holds in part is not what the user has set up.

        Args:
            first: Another index, asked before the rest.
        """
        indexes = [first, *self.extra_index_urls] if first else list(self.extra_index_urls)
        return [
            "--index-strategy=unsafe-best-match",
            *(["--index-url", self.index_url] if self.index_url else []),
            *(part for url in indexes for part in ("--extra-index-url", url)),
            *(part for place in self.find_links for part in ("--find-links", place)),
            *(part for host in self.trusted_hosts for part in ("--allow-insecure-host", host)),
            *(["--no-index"] if self.no_index else []),
        ]

    def environment(self) -> dict[str, str]:
        """Environment variables uv needs for these places."""
        return {"SSL_CERT_FILE": self.ca_bundle} if self.ca_bundle else {}


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
    pip: PipSettings,
    *,
    index: str = "",
    find_links: str = "",
    ca_bundle: str = "",
) -> Sources:
    """Merge the matrix's settings, uv's own variables and pip's settings, strongest first."""
    uv_has_index = any(environ.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"))
    local = [_as_pip_reads(place) for place in pip.find_links]
    return Sources(
        index_url=index or ("" if uv_has_index else pip.index_url),
        extra_index_urls=pip.extra_index_urls,
        find_links=(
            *([find_links] if find_links else []),
            # pip passes over a folder that is not there; uv would give up.
            *(place for place in local if _is_url(place) or Path(place).exists()),
        ),
        trusted_hosts=pip.trusted_hosts,
        no_index=pip.no_index,
        ca_bundle=ca_bundle or environ.get("SSL_CERT_FILE", "") or pip.cert,
    )


def asked_build(cuda: str) -> str:
    """The build's name in wheel indexes and local versions.

    Args:
        cuda: ``cpu``, a CUDA release such as ``12.4``, or ``default``.

    Returns:
        ``cpu``, ``cu124``, or an empty string for ``default``.
    """
    if cuda == "default":
        return ""
    return cuda if cuda == "cpu" else "cu" + cuda.replace(".", "")


def pytorch_index(build: str) -> str:
    """Address of the index that serves one build of torch.

    Args:
        build: What :func:`asked_build` gave, not empty.
    """
    text = (shipped.matrices() / "data" / "indexes.json").read_text(encoding="utf-8")
    template: str = json.loads(text)["pytorch"]
    return template.format(build=build)


def _as_pip_reads(place: str) -> str:
    return place if _is_url(place) else str(Path(place).expanduser().absolute())


def _is_url(place: str) -> bool:
    return bool(urlsplit(place).scheme)
