"""Programs of torch.export, which carry a graph instead of code."""

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = ["ExportProgram"]


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
