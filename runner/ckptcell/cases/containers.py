"""Files given to the wrong loader, and files that have to be unpacked first."""

import gzip
import io
import pickle

from ckptcell import inputs, modes
from ckptcell.cases.base import Case
from ckptcell.rezip import rezip

__all__ = [
    "CheckpointAsProgram",
    "FormatGzip",
    "FormatRezippedWithoutFolder",
    "FormatUnseekable",
    "PickleAsCheckpoint",
    "PickleDump",
    "PickleDumpShared",
    "ProgramAsCheckpoint",
]


class _Mistake(Case):
    """A good state dict that does not reach ``torch.load`` as it should."""

    family = "user-mistakes"

    def make(self):
        return {"weight": inputs.numbers(3, 4, device=self.device)}


class FormatGzip(_Mistake):
    """Compressed for the way, and not unpacked (pytorch#6002)."""

    name = "format_gzip"
    title = "State dict compressed by gzip and loaded as it is"
    modes = ("plain", "trusted")
    filename = "checkpoint.pt.gz"
    expect = {
        "verdict": "failed",
        "reasons": ["not_a_checkpoint", "format_unknown", "weights_only_refused"],
    }

    def save(self, path):
        import torch

        state = self.make()
        whole = io.BytesIO()
        torch.save(state, whole)
        with gzip.GzipFile(path, "wb", mtime=0) as packed:
            packed.write(whole.getvalue())
        return state


class _Stream(object):
    """An answer of a server: it can be read once, from its beginning to its end."""

    def __init__(self, file):
        self._file = file

    def read(self, size=-1):
        return self._file.read(size)

    def readline(self):
        return self._file.readline()


class FormatUnseekable(_Mistake):
    """A download in place of a file: torch has to go back and forth in it."""

    name = "format_unseekable"
    title = "State dict loaded from a stream that cannot be rewound"
    opened_as = "stream"
    modes = ("plain",)
    expect = {"verdict": "failed", "reasons": ["format_unsupported"]}

    def load(self, path, mode):
        with open(path, "rb") as file:
            return modes.torch_load(_Stream(file), mode, self.device)


class FormatRezippedWithoutFolder(_Mistake):
    """Unpacked, and packed again from inside the folder."""

    name = "format_rezipped_without_folder"
    title = "State dict whose zip file was packed again without its top folder"
    modes = ("plain", "trusted")
    expect = {"verdict": "failed", "reasons": ["format_unknown", "file_corrupt"]}

    def save(self, path):
        import torch

        state = self.make()
        torch.save(state, path)
        rezip(path, lambda records: [(name.partition("/")[2], data) for name, data in records])
        return state


class PickleDump(Case):
    """Python's own pickle: each storage is a whole file of ``torch.save`` inside it."""

    name = "pickle_dump"
    family = "format"
    title = "Tensors saved by pickle.dump and loaded by pickle.load"
    format = "python_pickle"
    filename = "checkpoint.pkl"

    def make(self):
        return {"weight": inputs.numbers(3, 4, device=self.device), "epoch": 3}

    def save(self, path):
        state = self.make()
        with open(path, "wb") as file:
            pickle.dump(state, file, protocol=2)
        return state

    def load(self, path, mode):  # noqa: ARG002 - pickle.load has no modes
        with open(path, "rb") as file:
            return pickle.load(file)


class PickleDumpShared(PickleDump):
    """Tensors that share memory: each gets a copy of its own, tied weights too."""

    name = "pickle_dump_shared"
    title = "Tensors that share a storage, saved by pickle.dump and loaded by pickle.load"
    expect = {"verdict": "changed", "reasons": ["aliasing_changed"]}

    def make(self):
        weight = inputs.numbers(3, 4, device=self.device)
        return {"embedding": weight, "head": weight.detach(), "row": weight[1]}


class PickleAsCheckpoint(_Mistake):
    """The same file given to ``torch.load``."""

    name = "pickle_as_checkpoint"
    title = "Tensors saved by pickle.dump and loaded by torch.load"
    modes = ("plain", "trusted")
    filename = "checkpoint.pkl"
    expect = {
        "verdict": "failed",
        "reasons": ["not_a_checkpoint", "format_unknown", "weights_only_refused"],
    }

    def save(self, path):
        state = self.make()
        with open(path, "wb") as file:
            pickle.dump(state, file, protocol=2)
        return state


class ProgramAsCheckpoint(Case):
    """A TorchScript file given to ``torch.load``, which hands it on when it trusts it."""

    name = "program_as_checkpoint"
    family = "program"
    title = "TorchScript program loaded by torch.load"
    modes = ("plain", "trusted")
    needs = ("torch.jit.script", "torch.jit.save")

    def save(self, path):
        import torch

        program = torch.jit.script(inputs.fill(torch.nn.Linear(4, 3)).eval().to(self.device))
        torch.jit.save(program, path)
        return program


class CheckpointAsProgram(_Mistake):
    """A state dict given to ``torch.jit.load``."""

    name = "checkpoint_as_program"
    title = "State dict loaded by torch.jit.load"
    format = "torchscript"
    modes = ("plain",)
    loader = ("torch.jit.load",)
    expect = {"verdict": "failed", "reasons": ["format_unsupported", "file_corrupt"]}

    def load(self, path, mode):
        return modes.jit_load(path, mode, self.device)
