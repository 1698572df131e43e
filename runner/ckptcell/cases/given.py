"""Files that are given, not made here: how each format is loaded, and saved again.

No run plans these: ``ckptmatrix check`` and ``ckptmatrix rescue`` do, one a format.
"""

import os

from ckptcell import modes
from ckptcell.cases.base import Case, Unsupported
from ckptcell.torch_save import torch_save

__all__ = [
    "GivenDcp",
    "GivenExport",
    "GivenLegacy",
    "GivenPackage",
    "GivenPickle",
    "GivenSafetensors",
    "GivenTorchscript",
]


class _Given(Case):
    """A file that is there. It can be loaded, and saved again from what was loaded."""

    family = "given"

    def resave(self, source, path):
        """Load ``source`` as it says, write what came of it to ``path`` and return it."""
        obj = self.load(source["path"], source["mode"])
        self.write(obj, path, source["container"])
        return obj

    def write(self, obj, path, container):
        """Write an object as ``torch.save`` does, in a container it is told."""
        torch_save(obj, path, zipped=container == "zip")


class GivenPickle(_Given):
    """What ``torch.save`` writes since 1.6."""

    name = "given_pickle"
    title = "A file of torch.save"


class GivenLegacy(_Given):
    """What ``torch.save`` wrote before, and pickles of others that ``torch.load`` is given."""

    name = "given_legacy"
    title = "A file of torch.save in the legacy format"
    format = "legacy"


class GivenTorchscript(_Given):
    """A program of TorchScript; it is loaded and not run."""

    name = "given_torchscript"
    title = "A TorchScript program"
    format = "torchscript"
    loader = ("torch.jit.load",)

    def load(self, path, mode):
        return modes.jit_load(path, mode, self.device)

    def write(self, obj, path, container):
        import torch

        if container != "zip":
            msg = "a TorchScript program has one container only"
            raise Unsupported(msg)
        torch.jit.save(obj, path)


class GivenExport(_Given):
    """A program of ``torch.export``; it is loaded and not run."""

    name = "given_export"
    title = "A program of torch.export"
    format = "export"
    filename = "program.pt2"
    loader = ("torch.export.load",)

    def load(self, path, mode):
        import torch

        del mode
        return torch.export.load(path)

    def write(self, obj, path, container):
        import torch

        if container != "zip":
            msg = "a program of torch.export has one container only"
            raise Unsupported(msg)
        torch.export.save(obj, path)

    def observe(self, obj):
        from ckptcell import observe

        signature = obj.graph_signature
        return observe.observe(
            {
                "state_dict": dict(obj.state_dict),
                "constants": dict(getattr(obj, "constants", None) or {}),
                "inputs": [str(name) for name in signature.user_inputs],
                "outputs": [str(name) for name in signature.user_outputs],
                "operators": sorted({str(node.target) for node in obj.graph.nodes}),
            }
        )


class GivenPackage(_Given):
    """A file of ``torch.package``: every pickle in it. Its own code runs."""

    name = "given_package"
    title = "A file of torch.package"
    format = "package"
    loader = ("torch.package.PackageImporter",)

    def load(self, path, mode):
        import torch

        importer = torch.package.PackageImporter(path)
        options = {} if mode == "plain" else {"map_location": self.device}
        found = {}
        for record in _records(path):
            package, _, resource = record.rpartition("/")
            package = package.replace("/", ".")
            found[record] = importer.load_pickle(package, resource, **options)
        return found

    def write(self, obj, path, container):
        del obj, path, container
        msg = "a file of torch.package is not saved again here: its code is its own"
        raise Unsupported(msg)


class GivenSafetensors(_Given):
    """A file of safetensors."""

    name = "given_safetensors"
    title = "A file of safetensors"
    format = "safetensors"
    filename = "checkpoint.safetensors"
    loader = ("safetensors.torch.load_file",)

    def load(self, path, mode):
        from safetensors.torch import load_file  # type: ignore[import-not-found]

        return load_file(path) if mode == "plain" else load_file(path, device=self.device)


class GivenDcp(_Given):
    """A folder of ``torch.distributed.checkpoint``, all of it, read in one process."""

    name = "given_dcp"
    title = "A folder of torch.distributed.checkpoint"
    format = "dcp"
    filename = "checkpoint"
    loader = (
        "torch.distributed.checkpoint.FileSystemReader",
        "torch.distributed.checkpoint.default_planner._EmptyStateDictLoadPlanner",
        "torch.distributed.checkpoint.state_dict_loader._load_state_dict",
    )

    def load(self, path, mode):
        from torch.distributed.checkpoint import FileSystemReader
        from torch.distributed.checkpoint.default_planner import _EmptyStateDictLoadPlanner
        from torch.distributed.checkpoint.state_dict_loader import _load_state_dict

        del mode
        state: dict = {}
        _load_state_dict(
            state,
            storage_reader=FileSystemReader(path),
            planner=_EmptyStateDictLoadPlanner(),
            no_dist=True,
        )
        return state


def _records(path):
    """Names of the pickles of a package, without the archive's own folders."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        names = [info.filename.partition("/")[2] for info in archive.infolist()]
    own = (".data/", "byteorder", "version")
    found = [
        name
        for name in names
        if os.path.splitext(name)[1] in (".pkl", ".pickle") and not name.startswith(own)
    ]
    return sorted(found)
