"""What a cell is: facts of its interpreter, its torch, its packages and its devices.

Gathered in a throw-away child, because asking about devices can leave a process unfit for forking.
"""

import importlib
import os
import platform
import re
import sys
import sysconfig

from ckptcell import __version__
from ckptcell.text import LONG, SHORT, bounded

__all__ = ["gather", "installed", "without_torch"]

_MOST_PACKAGES = 3000
_MOST_GPUS = 64
_MOST_ARCHES = 200
_METADATA = (
    (".dist-info", "METADATA"),
    (".egg-info", "PKG-INFO"),
    (".egg-info", ""),
    (".egg", os.path.join("EGG-INFO", "PKG-INFO")),
)


def _first_match(path, pattern):
    try:
        with open(path, "rb") as file:
            found = re.search(pattern, file.read().decode("utf-8", "replace"), re.MULTILINE)
    except OSError:
        return ""
    return found.group(1).strip() if found else ""


def _libc():
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return ""


def _usable_cpus():
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 0


def _headers(path):
    """``Name`` and ``Version`` of a metadata file, or None."""
    try:
        with open(path, "rb") as file:
            head = file.read().decode("utf-8", "replace").split("\n\n", 1)[0]
    except OSError:
        return None
    fields = dict(re.findall(r"^(Name|Version):[ \t]*(\S+)", head, re.MULTILINE))
    return (fields["Name"], fields["Version"]) if len(fields) == 2 else None  # noqa: PLR2004 - both


def installed(folders):
    """Installed distributions, from the metadata beside them.

    ``importlib.metadata`` came with Python 3.8 and ``pkg_resources`` is not everywhere.

    Args:
        folders: Those of ``sys.path``; the first that has a distribution wins, as for imports.

    Returns:
        ``{"name", "version"}`` records, sorted by name.
    """
    found: dict = {}
    for folder in folders:
        try:
            entries = sorted(os.listdir(folder or "."))
        except OSError:
            continue
        for entry in entries:
            for suffix, member in _METADATA:
                if not entry.endswith(suffix):
                    continue
                headers = _headers(os.path.join(folder, entry, member).rstrip(os.sep))
                if headers:
                    key = re.sub(r"[-_.]+", "-", headers[0]).lower()
                    found.setdefault(key, headers)
                    break
    return [
        {"name": bounded(found[key][0], SHORT), "version": bounded(found[key][1], SHORT)}
        for key in sorted(found)
    ][:_MOST_PACKAGES]


def _optional(value, limit=SHORT):
    return None if value is None else bounded(value, limit)


def _error(error):
    return bounded("{}: {}".format(type(error).__name__, bounded(error)))


def _numpy():
    try:
        version = importlib.import_module("numpy").__version__
    except ImportError as error:
        # Not being there is no error; being there and broken is.
        absent = getattr(error, "name", None) == "numpy"
        return {"numpy": None, "numpy_error": "" if absent else _error(error)}
    except Exception as error:
        return {"numpy": None, "numpy_error": _error(error)}
    return {"numpy": bounded(version, SHORT), "numpy_error": ""}


def _driver(torch):
    release = _first_match("/proc/driver/nvidia/version", r"Kernel Module\D*?\s(\d+\.[\d.]+)")
    if release:
        return release
    asked = getattr(torch._C, "_cuda_getDriverVersion", None)  # noqa: SLF001 - no public name
    number = asked() if asked else 0
    return "CUDA {}.{}".format(number // 1000, number % 1000 // 10) if number else None


def _devices(torch):
    facts: dict = {"gpus": [], "gpu_arches": [], "gpu_driver": None, "device_error": ""}
    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        return facts
    try:
        facts["gpu_driver"] = _optional(_driver(torch))
        if hasattr(torch.cuda, "get_arch_list"):
            facts["gpu_arches"] = [bounded(arch, SHORT) for arch in torch.cuda.get_arch_list()]
            facts["gpu_arches"] = facts["gpu_arches"][:_MOST_ARCHES]
        # Unlike is_available(), which only says no, this says why not.
        torch.cuda.init()
        count = min(torch.cuda.device_count(), _MOST_GPUS)
        facts["gpus"] = [bounded(torch.cuda.get_device_name(n), SHORT) for n in range(count)]
    except Exception as error:
        facts["device_error"] = _error(error)
    return facts


def _torch(torch_error):
    if torch_error:
        return {"torch": None, "torch_error": bounded(torch_error)}
    try:
        import torch

        facts = {
            "torch": bounded(torch.__version__, SHORT),
            "torch_git": _optional(getattr(torch.version, "git_version", None)),
            "torch_cuda": _optional(torch.version.cuda),
            "torch_hip": _optional(getattr(torch.version, "hip", None)),
            # Since torch 1.1.
            "torch_config": bounded(torch.__config__.show(), LONG)
            if hasattr(torch, "__config__")
            else "",
            "threads": max(1, torch.get_num_threads()),
        }
    except Exception as error:
        return {"torch": None, "torch_error": _error(error)}
    facts.update(_devices(torch))
    return facts


def without_torch(isolation):
    """The facts that need no library, as the wire's ``Facts``."""
    return {
        "cell_program": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": bounded(sys.executable),
        "platform": sysconfig.get_platform(),
        "machine": platform.machine(),
        "byteorder": sys.byteorder,
        "libc": bounded(_libc(), SHORT),
        "processor": bounded(
            _first_match("/proc/cpuinfo", r"^model name\s*:(.*)$") or platform.processor(), SHORT
        ),
        "cpu_count": _usable_cpus(),
        "packages": installed(sys.path),
        "isolation": isolation,
    }


def gather(isolation, torch_error):
    """All facts of this cell. To be called in a process of its own.

    Args:
        isolation: ``fork`` or ``spawn``.
        torch_error: Why the supervisor could not import torch, or an empty string. A second import
            after a failed one fails for a second reason, so it is not tried.

    Returns:
        The wire's ``Facts``.
    """
    facts = without_torch(isolation)
    facts.update(_torch(torch_error))
    facts.update(_numpy())
    return facts
