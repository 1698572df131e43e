"""Where uv looks for packages, in the words of its command line."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace

__all__ = ["Sources"]

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")


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
        uv_settings: uv's own variables that change what it answers, with the files they name, as
            ``NAME=value``. uv reads them itself; they are here because a lock depends on them.
    """

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    no_index: bool = False
    ca_bundle: str = ""
    uv_settings: tuple[str, ...] = ()

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

    def alone(self, index: str) -> Sources:
        """One index instead of all places, reached in the same way."""
        return replace(self, index_url=index, extra_index_urls=(), find_links=(), no_index=False)

    @property
    def digest(self) -> str:
        """Digest of what can change a resolution; who may read the places cannot."""
        body = json.dumps([*self.arguments(), *self.uv_settings])
        return hashlib.sha256(_CREDENTIALS.sub("", body).encode()).hexdigest()
