"""The conditions every cell runs under, whoever started it.

Measured reasons: a float32 sum differs between one and two threads, and thread floods make ``fork``
fail; a user id without a passwd entry breaks ``torch.compile`` and ``torch.export`` unless ``USER``
and ``HOME`` are set; hash order decides the order of sets.
"""

import os
import resource

from ckptcell import kernel

__all__ = ["apply", "conditioned"]

_FIXED = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
}
_ON_SCRATCH = {"HOME": "home", "TMPDIR": "tmp", "XDG_CACHE_HOME": "cache"}
_NAMES = ("USER", "LOGNAME")
_NAME = "cell"
# PYTHONDONTWRITEBYTECODE among them: without bytecode each process compiles what it imports late
# anew, which for the optimizers of torch 2 was measured to take four seconds instead of two.
_FOREIGN = ("TORCH_", "PYTHON")


def conditioned(environ, scratch):
    """The environment variables the program must have been started with.

    Args:
        environ: Those it was started with.
        scratch: Absolute path of the scratch folder.

    Returns:
        A new mapping, equal to ``environ`` when nothing is amiss.
    """
    result = {name: value for name, value in environ.items() if not name.startswith(_FOREIGN)}
    result.update(_FIXED)
    for name, folder in _ON_SCRATCH.items():
        present = os.path.abspath(result.get(name) or "/")
        if not (present == scratch or present.startswith(scratch.rstrip("/") + "/")):
            result[name] = os.path.join(scratch, folder)
    for name in _NAMES:
        result[name] = result.get(name) or _NAME
    return result


def apply(environ):
    """Make this process what a supervisor must be: closed to its children, leaving no core files.

    Args:
        environ: What :func:`conditioned` gave; its folders are made.
    """
    for name in _ON_SCRATCH:
        os.makedirs(environ[name], exist_ok=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    kernel.set_dumpable(False)
    kernel.be_the_reaper()
