"""The port every engine implements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

__all__ = ["Engine"]

T = TypeVar("T")


class Engine(Protocol):
    """Does independent pieces of work, several at a time."""

    name: str

    def each(self, items: Iterable[T], do: Callable[[T], None], *, cancel: threading.Event) -> None:
        """Call ``do`` once for every item and return when all have ended.

        Args:
            items: Pieces of work; started in this order.
            do: Does one piece. What it raises ends the others early and is raised here.
            cancel: Set by this method when the user interrupts or a piece raises; pieces not yet
                started are then not started, and running ones are expected to look at it.

        Raises:
            KeyboardInterrupt: The user interrupted; every started piece has ended.
        """
        ...
