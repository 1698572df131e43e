"""What the cell program itself raises."""

__all__ = ["ForkUnsafe", "InputMismatch", "ManifestError", "ModeMissing"]


class ForkUnsafe(Exception):
    """The supervisor has more threads than after its import; a forked child could hang."""


class InputMismatch(Exception):
    """A checkpoint is not the file whose digest the manifest names."""


class ManifestError(Exception):
    """The first line of standard input is not a manifest this program understands."""


class ModeMissing(Exception):
    """This environment has no such way of loading."""
