"""Cases that misbehave on purpose, each in its own way, when their checkpoint is loaded."""

import os
import time

from ckptcell.cases.base import Case


class Trouble(Case):
    """Saves a small tensor; what follows is up to the others."""

    family = "trouble"
    modes = ("plain",)

    def save(self, path):
        import torch

        value = torch.arange(4)
        torch.save(value, path)
        return value


class Aborts(Trouble):
    name = "trouble_aborts"
    title = "Loading ends the process with SIGABRT."

    def load(self, path, mode):
        os.abort()


class Hangs(Trouble):
    name = "trouble_hangs"
    title = "Loading never returns."

    def load(self, path, mode):
        while True:
            time.sleep(60)


class Devours(Trouble):
    name = "trouble_devours"
    title = "Loading needs more memory than there is."

    def load(self, path, mode):
        return bytearray(1 << 40)


class Floods(Trouble):
    name = "trouble_floods"
    title = "Loading prints without end."

    def load(self, path, mode):
        line = b"x" * 65536
        while True:
            os.write(1, line)


class Chats(Trouble):
    name = "trouble_chats"
    title = "Loading prints three megabytes and goes on."

    def load(self, path, mode):
        os.write(2, b"y" * 3000000)
        return Trouble.load(self, path, mode)


class Flips(Trouble):
    name = "trouble_flips"
    title = "Loading gives another value in every process."

    def load(self, path, mode):
        import torch

        return torch.tensor([os.getpid()])


class Unsaveable(Trouble):
    name = "trouble_unsaveable"
    title = "Saving raises."

    def save(self, path):
        import torch

        torch.save(lambda: None, path)


class Behaves(Trouble):
    name = "trouble_behaves"
    title = "The neighbour that must not suffer."
