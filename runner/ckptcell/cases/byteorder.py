"""Files as a big-endian machine writes them, made by hand on any machine."""

import sys

from ckptcell import inputs
from ckptcell.cases.base import Case
from ckptcell.rezip import rezip

__all__ = ["FormatBigEndian", "FormatBigEndianUnmarked", "FormatByteorderUnknown"]

_SIZE = 4


class _BigEndian(Case):
    """A dict of float32 tensors whose numbers are in the file with their first byte first."""

    family = "format"
    marked = True

    def save(self, path):
        import torch

        state = {
            "weight": inputs.numbers(3, 4, device=self.device),
            "bias": inputs.numbers(3, offset=1, device=self.device),
        }
        torch.save(state, path)
        rezip(path, self.as_written_there)
        return state

    def as_written_there(self, records):
        """The records of the file as a big-endian machine would have written them."""
        changed = []
        root = records[0][0].partition("/")[0]
        for name, content in records:
            inner = name.partition("/")[2]
            turned = inner.startswith("data/") and sys.byteorder == "little"
            if inner != "byteorder":
                changed.append((name, _swapped(content) if turned else content))
        if self.marked:
            changed.append((root + "/byteorder", b"big"))
        return changed


class FormatBigEndian(_BigEndian):
    """Marked by a record, which torch reads since 2.1 (pytorch#101973) and ignores before."""

    name = "format_big_endian"
    title = "State dict of a big-endian machine, marked as such"


class FormatBigEndianUnmarked(_BigEndian):
    """From torch before 2.1, which wrote no mark: nobody can tell (pytorch#65300)."""

    name = "format_big_endian_unmarked"
    title = "State dict of a big-endian machine, without a mark"
    marked = False
    expect = {"verdict": "changed", "reasons": ["values_differ"]}


class FormatByteorderUnknown(_BigEndian):
    """Damaged in its mark alone, which torch before 2.1 does not read."""

    name = "format_byteorder_unknown"
    title = "State dict whose mark of the byte order is none that there is"
    modes = ("plain", "restricted", "mmap")

    def as_written_there(self, records):
        root = records[0][0].partition("/")[0]
        kept = [each for each in records if each[0] != root + "/byteorder"]
        return [*kept, (root + "/byteorder", b"middle")]


def _swapped(content):
    swapped = bytearray(content)
    for byte in range(_SIZE):
        swapped[byte::_SIZE] = content[_SIZE - 1 - byte :: _SIZE]
    return bytes(swapped)
