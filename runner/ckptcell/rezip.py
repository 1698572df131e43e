"""Zip files written anew, for cases that save what somebody else would have written."""

import zipfile

from ckptcell.cases.base import Unsupported

__all__ = ["rezip", "unzipped"]

#: Where torch lets the content of a record begin, so that a tensor can be mapped from the file.
_ALIGNED = 64
_HEADER = 30


def unzipped(file):
    """The records of a zip file of ``torch.save``, ``(name, content)`` in their order.

    Args:
        file: Its path, or an open file.

    Raises:
        ckptcell.cases.base.Unsupported: It is no zip file: torch before 1.6 writes none by itself.
    """
    if not zipfile.is_zipfile(file):
        msg = "torch.save writes no zip file here"
        raise Unsupported(msg)
    with zipfile.ZipFile(file) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def rezip(path, change, deflated=False):
    """Write a zip file of ``torch.save`` anew.

    Args:
        path: The file.
        change: Called with its records, a list of ``(name, content)`` in their order; returns those
            to write.
        deflated: Whether to compress them, as tools that make zip files do and torch does not.

    Raises:
        ckptcell.cases.base.Unsupported: It is no zip file.
    """
    records = unzipped(path)
    method = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in change(records):
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            begins = archive.start_dir + _HEADER + len(name.encode("utf-8"))
            # An extra field is four bytes and what it holds; torch names its own padding FB too.
            padding = -(begins + 4) % _ALIGNED
            info.extra = b"FB" + padding.to_bytes(2, "little") + b"Z" * padding
            archive.writestr(info, content)
