"""The pickle inside: which of its protocols who reads."""

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = [
    "FormatProtocol0",
    "FormatProtocol1",
    "FormatProtocol2",
    "FormatProtocol3",
    "FormatProtocol3Plain",
    "FormatProtocol4",
    "FormatProtocol5",
]


class _Protocol(Case):
    """A state dict pickled with a protocol that is asked for."""

    family = "format"
    protocol = 2

    def save(self, path):
        import torch

        state = self.make()
        torch.save(state, path, pickle_protocol=self.protocol)
        return state

    def make(self):
        return {"weight": inputs.numbers(3, 4, device=self.device), "epoch": 3}


class FormatProtocol0(_Protocol):
    """What torch notes about a storage becomes a text in it, which torch itself cannot use."""

    name = "format_protocol_0"
    title = "State dict in pickle protocol 0, which nobody reads"
    modes = ("plain", "restricted", "trusted")
    protocol = 0
    # torch has words for it since some release after 2.6, and only asserts it before.
    expect = {
        "verdict": "failed",
        "reasons": ["pickle_protocol", "load_error", "weights_only_refused"],
    }


class FormatProtocol1(_Protocol):
    """Older than what weights_only reads."""

    name = "format_protocol_1"
    title = "State dict in pickle protocol 1"
    protocol = 1
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}


class FormatProtocol2(_Protocol):
    """What torch.save asks for itself."""

    name = "format_protocol_2"
    title = "State dict in pickle protocol 2, which torch.save uses by itself"
    variant_of = "format_protocol_0"
    cure = "protocol_2"


class FormatProtocol3(_Protocol):
    """Python 3's first own protocol: bytes have an opcode, which weights_only does not read."""

    name = "format_protocol_3"
    title = "State dict and bytes in pickle protocol 3"
    protocol = 3
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}

    def make(self):
        weight = inputs.numbers(3, 4, device=self.device)
        return {"weight": weight, "epoch": 3, "commit": b"\x00\xff"}


class FormatProtocol3Plain(_Protocol):
    """Without bytes it has only opcodes that weights_only reads."""

    name = "format_protocol_3_plain"
    title = "State dict in pickle protocol 3"
    modes = ("plain", "restricted", "trusted")
    protocol = 3


class FormatProtocol4(_Protocol):
    """Frames and short strings, which weights_only does not read."""

    name = "format_protocol_4"
    title = "State dict in pickle protocol 4"
    protocol = 4
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}


class FormatProtocol5(_Protocol):
    """Came with Python 3.8; older ones do not read it."""

    name = "format_protocol_5"
    title = "State dict in pickle protocol 5"
    protocol = 5
    needs = ("pickle.PickleBuffer",)
    expect = {"modes": {"restricted": {"verdict": "failed", "reasons": ["weights_only_refused"]}}}
