"""Files of torch.package: a pickle together with the source of the classes it names."""

from ckptcell import inputs
from ckptcell.cases.base import Case

__all__ = ["PackageModule"]


class PackageModule(Case):
    """A class that is nowhere but in the file: what it names loads where torch itself is."""

    name = "package_module"
    family = "program"
    title = "Module of a class of the user's, packed with its source"
    format = "package"
    needs = ("torch.package.PackageExporter.intern",)
    loader = ("torch.package.PackageImporter",)

    def save(self, path):
        import torch

        from ckptcell import examples

        module = inputs.fill(examples.Gate()).eval().to(self.device)
        with torch.package.PackageExporter(path) as exporter:
            exporter.intern("ckptcell.examples")
            exporter.save_pickle("model", "model.pkl", module)
        return module

    def load(self, path, mode):
        import torch

        importer = torch.package.PackageImporter(path)
        options = {} if mode == "plain" else {"map_location": self.device}
        return importer.load_pickle("model", "model.pkl", **options)

    def forward(self, obj):
        import torch

        with torch.no_grad():
            return obj(inputs.numbers(3, 4, device=inputs.place_of(obj)))
