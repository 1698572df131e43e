"""What the cell program itself raises."""

__all__ = [
    "ForkUnsafe",
    "InputMismatch",
    "LifeLineClosed",
    "ManifestError",
    "Misbehaved",
    "ModeMissing",
    "OutOfBounds",
    "ResultTooLarge",
]


class ForkUnsafe(Exception):  # noqa: N818 - named for what is the case
    """The supervisor has more threads than after its import; a forked child could hang."""


class InputMismatch(Exception):  # noqa: N818 - named for what is the case
    """A checkpoint is not the file whose digest the manifest names."""


class LifeLineClosed(BaseException):
    """Standard input closed: whoever asked is gone.

    Not an ``Exception``, so that no library's ``except Exception`` keeps the program alive.
    """


class OutOfBounds(BaseException):
    """The job takes more time or room than it may.

    Not an ``Exception``, as ``LifeLineClosed`` is none.
    """


class ManifestError(Exception):
    """The first line of standard input is not a manifest this program understands."""


class Misbehaved(Exception):  # noqa: N818 - named for what happened
    """A child wrote something on its result pipe that a worker never writes."""


class ModeMissing(Exception):  # noqa: N818 - named for what is the case
    """This environment has no such way of loading."""


class ResultTooLarge(Exception):  # noqa: N818 - named for what is the case
    """What a task has to report is more than its limit allows."""
