"""Keys: what a result depends on, as a digest.

A key is the SHA-256 of the canonical JSON of named parts. What is not in the parts cannot change
the result; what is in them and differs makes another key. See design.md §7.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ckptmatrix.wire import Facts, Limits
    from ckptmatrix.words import Mode

__all__ = [
    "LoadKey",
    "SaveKey",
    "canonical",
    "digest",
    "environment_digest",
    "environment_parts",
]

#: Raised when the meaning of stored results changes, so that older ones are not found any more.
_GENERATION = 1


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """The one way to write a JSON value: sorted keys, no spaces, ASCII.

    Raises:
        ValueError: It holds a number JSON has no word for (NaN, infinity).
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def digest(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """SHA-256 of a JSON value's canonical form, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def environment_parts(facts: Facts) -> dict[str, Any]:
    """What of a cell's facts can change what it observes.

    Left out is what differs between equal environments: where the interpreter lies, the
    processor's model and how many there are.
    """
    packages = {_normalised(package.name): package.version for package in facts.packages}
    return {
        "python": facts.python,
        "implementation": facts.implementation,
        "torch": [facts.torch, facts.torch_git, facts.torch_cuda, facts.torch_hip],
        "numpy": facts.numpy,
        "packages": sorted(packages.items()),
        "libc": facts.libc,
        "machine": facts.machine,
        "platform": facts.platform,
        "byteorder": facts.byteorder,
        "gpus": list(facts.gpus),
        "gpu_arches": sorted(facts.gpu_arches),
    }


def environment_digest(facts: Facts) -> str:
    """The environment's part of every key."""
    return digest(environment_parts(facts))


@dataclass(frozen=True, kw_only=True)
class SaveKey:
    """What a save's result depends on.

    Attributes:
        environment: :func:`environment_digest` of the cell.
        case: Digest of the case.
        observer: Digest of the cell program without its cases.
        device: Where tensors live, or are to live.
        limits: What a task may use.
        timeout_s: Seconds for one attempt.
    """

    environment: str
    case: str
    observer: str
    device: str
    limits: Limits
    timeout_s: float

    @property
    def parts(self) -> dict[str, Any]:
        """The named parts, as JSON."""
        return {
            **vars(self),
            "kind": "save",
            "generation": _GENERATION,
            "limits": self.limits.model_dump(mode="json"),
        }

    @property
    def digest(self) -> str:
        """The key."""
        return digest(self.parts)


@dataclass(frozen=True, kw_only=True)
class LoadKey(SaveKey):
    """What a load's result depends on: all that a save's does, in the consumer, and two more.

    Attributes:
        checkpoint: SHA-256 of what is loaded.
        mode: How it is loaded.
    """

    checkpoint: str
    mode: Mode

    @property
    def parts(self) -> dict[str, Any]:
        """The named parts, as JSON."""
        return super().parts | {"kind": "load", "mode": self.mode.value}


def _normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
