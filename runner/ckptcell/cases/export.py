"""Programs of torch.export, which carry a graph instead of code."""

from ckptcell import inputs
from ckptcell.cases.base import Case, Unsupported
from ckptcell.rezip import rezip

__all__ = ["CheckpointAsExport", "ExportOtherArchive", "ExportProgram"]


class ExportProgram(Case):
    """Tied to a version of its schema, which no loader before or after has to read."""

    name = "export_program"
    family = "program"
    title = "Linear layer, buffer and GELU exported by torch.export"
    format = "export"
    filename = "program.pt2"
    needs = ("torch.export.save",)
    loader = ("torch.export.load",)

    def save(self, path):
        import torch

        network = torch.nn.Sequential(
            torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.GELU()
        )
        network = inputs.fill(network).eval().to(self.device)
        example = inputs.numbers(2, 4, device=self.device)
        program = torch.export.export(network, (example,))
        torch.export.save(program, path)
        return program

    def load(self, path, mode):  # noqa: ARG002 - torch.export.load has no modes
        import torch

        return torch.export.load(path)

    def forward(self, obj):
        import torch

        with torch.no_grad():
            return obj.module()(inputs.numbers(2, 4, offset=1, device=self.device))


class ExportOtherArchive(ExportProgram):
    """With another version of its archive, as a later release may write it."""

    name = "export_other_archive"
    title = "Exported program whose archive has another version"
    expect = {"verdict": "failed", "reasons": ["format_unsupported"]}

    def save(self, path):
        program = super(ExportOtherArchive, self).save(path)
        rezip(path, self.of_another_version)
        return program

    def of_another_version(self, records):
        """The records, of which one says another version."""
        names = [name for name, _ in records if name.endswith("/archive_version")]
        if not names:
            msg = "torch.export writes no version of the archive here"
            raise Unsupported(msg)
        return [(name, b"99" if name in names else content) for name, content in records]


class CheckpointAsExport(Case):
    """A state dict given to ``torch.export.load``."""

    name = "checkpoint_as_export"
    family = "user-mistakes"
    title = "State dict loaded by torch.export.load"
    format = "export"
    filename = "checkpoint.pt"
    loader = ("torch.export.load",)
    expect = {"verdict": "failed", "reasons": ["format_unsupported"]}

    def make(self):
        return {"weight": inputs.numbers(3, 4, device=self.device)}

    def load(self, path, mode):  # noqa: ARG002 - torch.export.load has no modes
        import torch

        return torch.export.load(path)
