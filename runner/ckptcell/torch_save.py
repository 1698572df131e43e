"""Writing in one of torch's two formats, whatever the release writes by itself."""

import inspect

from ckptcell.cases.base import Unsupported

__all__ = ["SavedLegacy", "torch_save"]


def torch_save(obj, path, zipped):
    """Write ``obj`` as ``torch.save`` does.

    Args:
        obj: Anything.
        path: The file.
        zipped: Whether as a zip archive; else as the stream that torch wrote before 1.6.

    Raises:
        Unsupported: This torch writes no zip archives.
    """
    import torch

    options = {}
    if "_use_new_zipfile_serialization" in inspect.signature(torch.save).parameters:
        options["_use_new_zipfile_serialization"] = zipped
    elif zipped:
        msg = "torch.save writes no zip file here"
        raise Unsupported(msg)
    torch.save(obj, path, **options)


class SavedLegacy(object):
    """Mixed into a case before its base: what its ``make`` gives is saved in the legacy stream.

    What people exchange with releases before 1.6, and the cure tried for a file that is too new.
    """

    def save(self, path):
        """Save the object; returns it."""
        obj = self.make()  # type: ignore[attr-defined] # the case it is mixed into has it
        torch_save(obj, path, zipped=False)
        return obj
