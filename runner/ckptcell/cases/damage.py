"""Files that are not what was saved: does anyone notice?"""

import os
import struct

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = ["FileBitflipData", "FileTruncated"]


class _Damage(Case):
    """A state dict whose file is damaged after it was saved."""

    family = "damage"

    def damage(self, path, state):
        """Change the file."""
        raise NotImplementedError(self.name)

    def save(self, path):
        import torch

        # Half of it is more than the 64 KiB a zip reader searches from the end. Of a smaller file
        # torch says no more than «Invalid argument», for it seeks to a negative place.
        state = {"weight": inputs.numbers(256, 256, device=self.device)}
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


class FileBitflipData(_Damage):
    """One wrong bit in a weight: torch checks no checksum, and only the digest shows it."""

    name = "file_bitflip_data"
    title = "State dict with one bit of a weight flipped in the file"
    expect = {"verdict": "changed", "reasons": ["values_differ"]}

    def damage(self, path, state):
        row = state["weight"][7].tolist()
        with open(path, "r+b") as file:
            content = file.read()
            place = content.index(struct.pack("=%df" % len(row), *row))
            # In the middle of a row: the lowest bit of the mantissa, so that nothing becomes a nan.
            file.seek(place + 4 * 9)
            file.write(bytes([content[place + 4 * 9] ^ 1]))
