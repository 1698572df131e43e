"""Files that are not what was saved: does anyone notice?"""

import io
import os
import re
import struct
import zipfile

from ckptcell import inputs, modes
from ckptcell.cases.base import Case, Unsupported
from ckptcell.rezip import rezip

__all__ = [
    "FileBitflipData",
    "FileBitflipPickle",
    "FileEmpty",
    "FileHtml",
    "FileLfsPointer",
    "FileOtherZip",
    "FileRecordLong",
    "FileRecordMissing",
    "FileShortByAByte",
    "FileShortByAByteBuffer",
    "FileTrailingBytes",
    "FileTruncated",
]


class _Damage(Case):
    """A state dict whose file is damaged after it was saved."""

    family = "damage"
    # Half of it is more than the 64 KiB a zip reader searches from the end. Of a smaller file
    # torch says no more than «Invalid argument», for it seeks to a negative place.
    shape = (256, 256)

    def damage(self, path, state):
        """Change the file."""
        raise NotImplementedError(self.name)

    def save(self, path):
        import torch

        state = {"weight": inputs.numbers(*self.shape, device=self.device)}
        torch.save(state, path)
        self.damage(path, state)
        return state


class FileTruncated(_Damage):
    """A copy that ended early. The control of every cell: it must never load."""

    name = "file_truncated"
    title = "State dict whose file is cut in half"
    expect = {"verdict": "failed", "reasons": ["file_corrupt", "format_unknown"]}

    def damage(self, path, state):  # noqa: ARG002 - the other damage looks for the state
        os.truncate(path, os.path.getsize(path) // 2)


class FileShortByAByte(_Damage):
    """Of a file below 64 KiB: torch looks for the end of a zip file before its beginning."""

    name = "file_short_by_a_byte"
    title = "State dict of 40 kB whose file lacks its last byte"
    modes = ("plain", "restricted", "mmap")
    expect = {"verdict": "failed", "reasons": ["file_corrupt"]}
    shape = (100, 100)

    def damage(self, path, state):  # noqa: ARG002 - the other damage looks for the state
        os.truncate(path, os.path.getsize(path) - 1)


class FileShortByAByteBuffer(FileShortByAByte):
    """The same file read into memory: Python's own buffer says it in other words.

    A zip file only: over the legacy format, cut short in a buffer, torch 1.4 dies now and then.
    """

    name = "file_short_by_a_byte_buffer"
    title = "State dict of 40 kB whose file lacks its last byte, loaded from a buffer"
    opened_as = "buffer"
    modes = ("plain", "restricted")

    def damage(self, path, state):
        if not zipfile.is_zipfile(path):
            msg = "torch.save writes no zip file here"
            raise Unsupported(msg)
        super(FileShortByAByteBuffer, self).damage(path, state)

    def load(self, path, mode):
        with open(path, "rb") as file:
            return modes.torch_load(io.BytesIO(file.read()), mode, self.device)


class FileRecordMissing(_Damage):
    """The zip file was packed anew without one of its storages."""

    name = "file_record_missing"
    title = "State dict whose zip file lacks the record of a tensor"
    modes = ("plain", "restricted", "mmap")
    expect = {"verdict": "failed", "reasons": ["file_corrupt"]}

    def damage(self, path, state):  # noqa: ARG002 - the other damage looks for the state
        rezip(path, lambda records: [each for each in records if not _holds_numbers(each[0])])


class FileRecordLong(_Damage):
    """The zip file was packed anew with a storage twice as long: its sizes and checksums are right.

    Of one that is too short, torch before 2.13 reads what lies behind it in memory.
    """

    name = "file_record_long"
    title = "State dict whose zip file has twice the record of a tensor"
    modes = ("plain", "restricted", "mmap")
    shape = (3, 4)

    def damage(self, path, state):  # noqa: ARG002 - the other damage looks for the state
        def doubled(records):
            return [
                (name, content * 2 if _holds_numbers(name) else content)
                for name, content in records
            ]

        rezip(path, doubled)


def _holds_numbers(record):
    """Whether a record of a zip file is a storage: ``checkpoint/data/0``."""
    return record.split("/")[1:2] == ["data"]


class FileTrailingBytes(_Damage):
    """A few bytes behind the end: both formats are read without looking there."""

    name = "file_trailing_bytes"
    title = "State dict with a few bytes appended to its file"

    def damage(self, path, state):  # noqa: ARG002 - the other damage looks for the state
        with open(path, "ab") as file:
            file.write(b"\n# end\n")


class FileBitflipData(_Damage):
    """One wrong bit in a weight: torch checks no checksum, and only the digest shows it."""

    name = "file_bitflip_data"
    title = "State dict with one bit of a weight flipped in the file"
    # As many as an observation lists, so that it says by how much.
    shape = (64, 64)
    expect = {"verdict": "changed", "reasons": ["values_differ"]}

    def damage(self, path, state):
        row = state["weight"][7].tolist()
        with open(path, "r+b") as file:
            content = file.read()
            place = content.index(struct.pack("=%df" % len(row), *row))
            # In the middle of a row: the lowest bit of the mantissa, so that nothing becomes a nan.
            file.seek(place + 4 * 9)
            file.write(bytes([content[place + 4 * 9] ^ 1]))


class FileBitflipPickle(_Damage):
    """One wrong bit in an instruction of the pickle, which is then none."""

    name = "file_bitflip_pickle"
    title = "State dict with one bit of its pickle flipped in the file"
    expect = {"verdict": "failed", "reasons": ["file_corrupt"]}

    def damage(self, path, state):  # noqa: ARG002 - the other damage looks for the state
        with open(path, "r+b") as file:
            # The end of the tuple that names a storage, its place in the memo, and the instruction
            # that asks for the storage.
            place = next(re.finditer(b"tq.Q", file.read(), re.DOTALL)).end() - 1
            file.seek(place)
            file.write(bytes([ord("Q") ^ 0x80]))


class _Replaced(_Damage):
    """Something else lies where the checkpoint should be."""

    # In mmap torch looks no further than that it is no zip file.
    expect = {
        "verdict": "failed",
        "reasons": ["not_a_checkpoint"],
        "modes": {"mmap": {"verdict": "failed", "reasons": ["format_unsupported"]}},
    }
    content = b""

    def damage(self, path, state):  # noqa: ARG002 - the other damage looks for the state
        with open(path, "wb") as file:
            file.write(self.content)


class FileHtml(_Replaced):
    """A download that ended on a page: of a login, of an error, of a quota."""

    name = "file_html"
    title = "HTML page under the name of a checkpoint"
    content = (
        b"<!DOCTYPE html>\n<html>\n<head><title>Sign in</title></head>\n"
        b"<body><h1>404 Not Found</h1></body>\n</html>\n"
    )


class FileLfsPointer(_Replaced):
    """A repository cloned without Git LFS has these few lines in place of the file."""

    name = "file_lfs_pointer"
    title = "Git LFS pointer in place of the checkpoint"
    content = (
        b"version https://git-lfs.github.com/spec/v1\n"
        b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
        b"size 102502400\n"
    )


class FileEmpty(_Replaced):
    """A file of no bytes: a disk that was full, a write that never ended."""

    name = "file_empty"
    title = "Empty file under the name of a checkpoint"


class FileOtherZip(_Damage):
    """A zip file with one folder, as a checkpoint is one, and with nothing of torch in it."""

    name = "file_other_zip"
    title = "Zip file of other things under the name of a checkpoint"
    modes = ("plain", "restricted", "mmap")
    expect = {"verdict": "failed", "reasons": ["format_unknown"]}

    def damage(self, path, state):  # noqa: ARG002 - the other damage looks for the state
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("model/config.json", "model/vocabulary.json"):
                archive.writestr(zipfile.ZipInfo(name), b"{}")
