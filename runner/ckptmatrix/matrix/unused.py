"""Settings of a matrix file that are checked but that a run with a given provider does not use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ckptmatrix.matrix.model import Matrix

__all__ = ["unused_settings"]


def unused_settings(matrix: Matrix, provider: str) -> tuple[str, ...]:
    """What the file says to no effect, so that nobody relies on it.

    Args:
        matrix: The checked matrix.
        provider: The provider that was chosen: ``venv`` or ``docker``.

    Returns:
        One phrase a setting, ``limits.pids (only containers have such a bound)``; a setting that
        the file does not give is never named.
    """
    said = []
    others = [host.name for host in matrix.hosts[1:]]
    if others:
        said.append(f"hosts {', '.join(others)} (a run uses the first host)")
    if "disk" in matrix.limits.given:
        said.append("limits.disk (no provider bounds the disk of environments)")
    if provider == "venv":
        if "pids" in matrix.limits.given:
            said.append("limits.pids (only containers have such a bound)")
        if "base" in matrix.build.given:
            said.append("build.base (virtual environments start from no image)")
    return tuple(said)
