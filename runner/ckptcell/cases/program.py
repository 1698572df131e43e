"""Programs: TorchScript, which carries its code with it."""

from ckptcell import inputs, modes
from ckptcell.cases.base import Case

__all__ = ["ProgramScript", "ProgramScriptDiv", "ProgramScriptGelu", "ProgramTrace"]


class _Script(Case):
    """A module compiled by ``torch.jit.script``."""

    family = "program"
    format = "torchscript"
    needs = ("torch.jit.script", "torch.jit.save")
    loader = ("torch.jit.load",)

    def build(self):
        """The module to compile."""
        raise NotImplementedError(self.name)

    def save(self, path):
        import torch

        program = torch.jit.script(inputs.fill(self.build()).eval().to(self.device))
        torch.jit.save(program, path)
        return program

    def load(self, path, mode):
        return modes.jit_load(path, mode, self.device)

    def forward(self, obj):
        import torch

        with torch.no_grad():
            return obj(inputs.numbers(3, 4, device=inputs.place_of(obj)))


class ProgramScript(_Script):
    """Layers, a buffer and control flow that tracing would lose."""

    name = "program_script"
    title = "Scripted module with a branch and a buffer"

    def build(self):
        import torch

        class Gate(torch.nn.Module):
            def __init__(self):
                super(Gate, self).__init__()
                self.inner = torch.nn.Linear(4, 4)
                self.register_buffer("shift", torch.zeros(4))

            def forward(self, features):
                hidden = self.inner(features) + self.shift
                if bool(hidden.sum() > 0):
                    hidden = torch.relu(hidden)
                return hidden

        return Gate()


class ProgramScriptGelu(_Script):
    """An operator whose schema gained an argument in torch 1.12: its calls are versioned."""

    name = "program_script_gelu"
    title = "Scripted linear layer and GELU"

    def build(self):
        import torch

        return torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.GELU())


class ProgramScriptDiv(_Script):
    """An operator whose meaning changed: programs that divide have a file version of their own."""

    name = "program_script_div"
    title = "Scripted linear layer and a division"

    def build(self):
        import torch

        class Half(torch.nn.Module):
            def __init__(self):
                super(Half, self).__init__()
                self.inner = torch.nn.Linear(4, 4)

            def forward(self, features):
                return self.inner(features) / 2

        return Half()


class ProgramTrace(_Script):
    """What one call of a module did: no branches, and the shapes it met."""

    name = "program_trace"
    title = "Traced convolution, batch norm and pooling"
    needs = ("torch.jit.trace", "torch.jit.save")
    # What trace returns says in torch 1.4 and 1.7 that it is training; the file says what is true.
    policy = {"ignore": ["flags_changed"]}

    def save(self, path):
        import torch

        network = torch.nn.Sequential(
            torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.AdaptiveAvgPool2d(1)
        )
        network = inputs.fill(network).eval().to(self.device)
        program = torch.jit.trace(network, inputs.numbers(1, 2, 5, 5, device=self.device))
        torch.jit.save(program, path)
        return program

    def forward(self, obj):
        import torch

        with torch.no_grad():
            return obj(inputs.numbers(2, 2, 5, 5, device=inputs.place_of(obj)))
