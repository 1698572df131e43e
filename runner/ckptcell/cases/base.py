"""What a case is.

A case says how to save one kind of checkpoint, how to load it and what to look at. Its metadata are
literals: the orchestrator reads them from the source with ``ast`` and never runs the file.
"""

from ckptcell import modes

__all__ = ["Case", "Unsupported"]


class Unsupported(Exception):  # noqa: N818 - an answer, not an error
    """Raised by ``save`` when this environment cannot make such a checkpoint at all."""


class Case(object):
    """One kind of checkpoint.

    Class attributes (literals only):
        name: Unique, ``[a-z0-9_]+``.
        family: Group in tables and selections: ``state``, ``module``, ``training`` …
        title: One sentence for tables and ``ckptmatrix cases``.
        format: Key of ``ckptcell.modes.MODES``; decides which modes apply.
        modes: Modes to use when not all of the format's.
        cures: Modes to try beside those, as remedies: ``allowlisted`` ``stripped`` ``prefixed``
            ``partial``. ``load`` is given them like any other mode.
        variant_of: Name of the case whose content this one saves in another way, one that may load
            where that one fails.
        cure: One word for that way, for the diagnosis: ``legacy_format``, ``plain_values``,
            ``state_dict``, ``materialised``.
        filename: Name of the file or folder saved; some loaders look at its suffix.
        needs: Dotted names a producer must have, ``("torch.float8_e4m3fn",)``. Without them the
            producer is ``unsupported``.
        loader: Dotted names without which a consumer has no entry point at all.
        memory_bytes: How many bytes a load of it may take beyond what its process has, or None. It
            is said here for predictions: the case's own ``load`` sees to it.
        opened_as: What the loader is given: ``path``, ``file``, ``buffer`` (bytes in memory) or
            ``stream`` (a file object that cannot be rewound). The case's own ``load`` does it.
        policy: ``{"forward": {"rtol": 1e-4, "atol": 1e-5}, "resume": {"rtol": 1e-9, "atol": 0.0},
            "ignore": ["flags_changed"]}``; what is left out has the judge's default.
        state_is_all: What ``observe`` shows is everything ``forward`` and ``resume`` use, as when
            they rebuild what they run from plain containers of tensors and numbers. Then they run
            once for all modes that show the same state, except ``mmap``. Leave it False for
            modules, programs and whatever may have hooks or other attributes that do not show.
        expect: ``{}`` for a checkpoint that should load everywhere; else what a good environment
            answers: ``{"verdict": "failed", "reasons": ["file_corrupt"]}``; the same by mode under
            ``"modes": {"plain": {...}}``.

    ``self.device`` is the device of the job, ``"cpu"`` or ``"cuda:0"``.

    A shipped file of cases may name in ``IMPORTS``, a literal beside its classes, modules that take
    long to import and that all its cases import anyway: children then start with them in memory.
    """

    name = ""
    family = ""
    title = ""
    format = "pickle"
    modes = None
    cures = ()
    variant_of = ""
    cure = ""
    filename = "checkpoint.pt"
    needs = ()
    loader = ()
    state_is_all = False
    memory_bytes = None
    opened_as = "path"
    policy = {}
    expect = {}

    def __init__(self, device="cpu"):
        self.device = device

    def make(self):
        """The object to save, for a case that saves it with a plain ``torch.save``."""
        raise NotImplementedError(self.name)

    def save(self, path):
        """Write the checkpoint to ``path`` and return the object it stands for."""
        import torch

        obj = self.make()
        torch.save(obj, path)
        return obj

    def load(self, path, mode):
        """Load the checkpoint as ``mode`` says and return what came of it."""
        return modes.torch_load(path, mode, self.device)

    def observe(self, obj):
        """Facts about ``obj`` as an observation; see ``ckptcell.observe``."""
        from ckptcell import observe

        return observe.observe(obj)

    # A case may also define
    #   forward(self, obj) -> tensors (nested in lists and dicts): outputs compared in tolerance
    #   resume(self, obj)  -> list of floats: losses of further training steps
