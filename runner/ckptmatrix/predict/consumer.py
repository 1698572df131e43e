"""What of an environment's facts decides how a load ends."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ckptmatrix.predict.spans import Release, release_of

if TYPE_CHECKING:
    from ckptmatrix.wire import Facts

__all__ = ["Consumer", "consumer_of"]


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """An environment that loads.

    Attributes:
        torch: Its release, empty when it has none.
        numpy: Likewise.
        python: Likewise.
        gpus: How many it can use.
        packages: Names of what is installed, as they call themselves.
        system: ``linux``, ``win`` or another first word of its platform; empty when not known.
    """

    torch: Release
    numpy: Release
    python: Release
    gpus: int = 0
    packages: tuple[str, ...] = ()
    system: str = ""

    def has_import(self, top: str, aliases: dict[str, str]) -> bool | None:
        """Whether a top-level module that is not torch's is there; None when that cannot be told.

        Args:
            top: ``yaml``.
            aliases: Import name → name of the distribution that has it, where they differ.
        """
        if top in sys.stdlib_module_names:
            return True
        if not self.packages:
            return None
        wanted = aliases.get(top, _plain(top))
        return any(_plain(name) == wanted for name in self.packages)


def consumer_of(facts: Facts) -> Consumer:
    """What matters of an environment's facts."""
    return Consumer(
        torch=release_of(facts.torch),
        numpy=release_of(facts.numpy),
        python=release_of(facts.python),
        gpus=len(facts.gpus),
        packages=tuple(package.name for package in facts.packages),
        system=facts.platform.partition("-")[0],
    )


@lru_cache(maxsize=10_000)
def _plain(name: str) -> str:
    """A distribution's name in one form; see PEP 503."""
    return re.sub(r"[-_.]+", "_", name).lower()
