"""Keys: what a result depends on, as a digest.

A key is the SHA-256 of the canonical JSON of named parts. What is not in the parts cannot change
the result; what is in them and differs makes another key. See design.md §7.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckptmatrix.wire import Facts, Limits
    from ckptmatrix.words import Mode

__all__ = [
    "canonical",
    "digest",
    "environment_digest",
    "environment_parts",
    "explain",
    "load_key",
    "load_parts",
    "save_key",
    "save_parts",
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


def save_parts(
    *,
    environment: str,
    case: str,
    observer: str,
    device: str,
    limits: Limits,
    timeout_s: float,
) -> dict[str, Any]:
    """What a save's result depends on.

    Args:
        environment: :func:`environment_digest` of the producer.
        case: Digest of the case.
        observer: Digest of the cell program without its cases.
        device: Where tensors live.
        limits: What a task may use.
        timeout_s: Seconds for one attempt.
    """
    return {
        "kind": "save",
        "generation": _GENERATION,
        "environment": environment,
        "case": case,
        "observer": observer,
        "device": device,
        "limits": limits.model_dump(mode="json"),
        "timeout_s": timeout_s,
    }


def load_parts(
    *,
    checkpoint: str,
    environment: str,
    case: str,
    observer: str,
    mode: Mode,
    device: str,
    limits: Limits,
    timeout_s: float,
) -> dict[str, Any]:
    """What a load's result depends on.

    Args:
        checkpoint: SHA-256 of what is loaded.
        environment: :func:`environment_digest` of the consumer.
        case: Digest of the case.
        observer: Digest of the cell program without its cases.
        mode: How it is loaded.
        device: Where tensors are to live.
        limits: What a task may use.
        timeout_s: Seconds for one attempt.
    """
    return save_parts(
        environment=environment,
        case=case,
        observer=observer,
        device=device,
        limits=limits,
        timeout_s=timeout_s,
    ) | {"kind": "load", "checkpoint": checkpoint, "mode": str(mode)}


def save_key(
    *, environment: str, case: str, observer: str, device: str, limits: Limits, timeout_s: float
) -> str:
    """Digest of :func:`save_parts`."""
    return digest(
        save_parts(
            environment=environment,
            case=case,
            observer=observer,
            device=device,
            limits=limits,
            timeout_s=timeout_s,
        )
    )


def load_key(
    *,
    checkpoint: str,
    environment: str,
    case: str,
    observer: str,
    mode: Mode,
    device: str,
    limits: Limits,
    timeout_s: float,
) -> str:
    """Digest of :func:`load_parts`."""
    return digest(
        load_parts(
            checkpoint=checkpoint,
            environment=environment,
            case=case,
            observer=observer,
            mode=mode,
            device=device,
            limits=limits,
            timeout_s=timeout_s,
        )
    )


def explain(parts: Mapping[str, Any]) -> str:
    """A key's parts for a person, one a line: ``mode         plain``.

    Digests are cut to 12 characters; nested values stay JSON.
    """
    width = max((len(name) for name in parts), default=0)
    return "\n".join(f"{name:<{width}}  {_short(value)}" for name, value in sorted(parts.items()))


def _short(value: Any) -> str:  # noqa: ANN401 - any JSON value
    text = value if isinstance(value, str) else canonical(value).decode("ascii")
    return f"{text[:12]}…" if re.fullmatch(r"[0-9a-f]{64}", text) else text


def _normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
