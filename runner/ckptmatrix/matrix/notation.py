"""The small notations inside a matrix file, each checked on its own.

Every function takes the text a user wrote and gives its canonical form, or raises the pydantic
error that carries what is wrong and what to write instead.
"""

from __future__ import annotations

import re
import string
from typing import Final, NoReturn

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from pydantic_core import PydanticCustomError

from ckptmatrix.matrix.cell import CELL_ID
from ckptmatrix.matrix.units import parse_duration, parse_size

__all__ = [
    "COMPLAINT",
    "base_image",
    "cell_id",
    "cuda_build",
    "cuda_condition",
    "duration",
    "numpy_constraint",
    "package",
    "platform_name",
    "python_version",
    "size",
    "torch_release",
    "version_condition",
]

#: Type of the errors that carry ``message`` and ``fix``.
COMPLAINT: Final = "matrix"
#: Oldest Python the cell program is written for.
OLDEST_PYTHON = (3, 6)

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_CUDA_TAG = re.compile(r"(?:cu|cuda)[-_ ]?(\d{1,2})\.?(\d)")
_RANGE = re.compile(r"[<>=!~*,]")


def _refuse(message: str, fix: str = "") -> NoReturn:
    """End the check with a message and what to write instead, for the loader to place."""
    raise PydanticCustomError(COMPLAINT, "{message}", {"message": message, "fix": fix})


def python_version(text: str) -> str:
    """``3.11``: a minor release; which patch release it is, is the machine's business."""
    if re.fullmatch(r"\d\.\d{1,2}", text):
        if tuple(int(part) for part in text.split(".")) < OLDEST_PYTHON:
            oldest = ".".join(str(part) for part in OLDEST_PYTHON)
            message = f"Python {text} is too old: the program inside a cell needs {oldest}"
            _refuse(message, f"use Python {oldest} or newer")
        return text
    patch = re.fullmatch(r"(\d\.\d{1,2})\.\d+", text)
    if patch:
        _refuse(
            f"Python {text} names a patch release; a cell says only major and minor",
            f'write "{patch[1]}"; the run records which patch release it was',
        )
    if _RANGE.search(text):
        _refuse(
            f"«{text}» is a range; a cell has one exact Python",
            "list the versions; ranges belong under exclude",
        )
    tag = re.fullmatch(r"(?:python|cpython|py|cp)-?(3)\.?(\d{1,2})", text)
    fix = f'write "{tag[1]}.{tag[2]}"' if tag else 'write a version such as "3.11"'
    _refuse(f"«{text}» is not a Python version", fix)


def torch_release(text: str) -> str:
    """``2.6.0``: a full release, so that the matrix means the same tomorrow."""
    if re.fullmatch(r"\d+\.\d+\.\d+(?:\.post\d+)?", text):
        return text
    if re.fullmatch(r"\d+\.\d+", text):
        _refuse(f"torch {text} is not a full release", f'name one, for example "{text}.0"')
    local = re.fullmatch(r"(\d+\.\d+\.\d+)\+(\S+)", text)
    if local:
        tag = _CUDA_TAG.fullmatch(local[2])
        build = f"{tag[1]}.{tag[2]}" if tag else "cpu"
        _refuse(
            f"torch {text} names the build as well, which has its own key",
            f'write torch "{local[1]}" and cuda "{build}"',
        )
    if _RANGE.search(text):
        _refuse(
            f"«{text}» is a range; a cell has one exact torch",
            "list the releases; ranges belong under exclude",
        )
    named = re.fullmatch(r"(?:torch|pytorch|v)[-=_ v]*(\d+\.\d+\.\d+)", text)
    _refuse(
        f"«{text}» is not a release of torch",
        f'write "{named[1]}"' if named else 'name a published release, for example "2.6.0"',
    )


def cuda_build(text: str) -> str:
    """``cpu``, ``default`` or a CUDA release such as ``12.4``."""
    if text in {"cpu", "default"} or re.fullmatch(r"\d{1,2}\.\d", text):
        return text
    tag = _CUDA_TAG.fullmatch(text.lower())
    longer = re.fullmatch(r"(\d{1,2}\.\d)(?:\.\d+)+", text)
    fix = 'write cpu, default, or a CUDA release such as "12.4"'
    if tag:
        fix = f'write "{tag[1]}.{tag[2]}"'
    elif longer:
        fix = f'write "{longer[1]}"; builds are named by major and minor'
    elif text.lower() in {"cuda", "gpu", "none", "no", "cpuonly"}:
        fix = "write cpu for the build without CUDA, default for what the index serves"
    _refuse(f"«{text}» is not a build of torch", fix)


def numpy_constraint(text: str) -> str:
    """``<2``, ``1.26.4`` or ``any``, as a specifier; empty for ``any``."""
    if text == "any":
        return ""
    try:
        return str(SpecifierSet(f"=={text}" if text[:1].isdigit() else text))
    except InvalidSpecifier:
        _refuse(
            f"«{text}» is not a constraint on NumPy's version",
            'write "<2", ">=1.26,<2", an exact "1.26.4", or any',
        )


def version_condition(text: str) -> str:
    """A range: ``>=3.12``, ``<2.2``; a bare version means it and everything below it."""
    try:
        SpecifierSet(f"=={text}.*" if text[:1].isdigit() else text)
    except InvalidSpecifier:
        if text.startswith(("=<", "=>")):
            _refuse(f"{text[:2]} is not a comparison", f'write "{text[1]}={text[2:]}"')
        _refuse(
            f"«{text}» is not a version range",
            'write for example ">=3.12", "<2.2", ">=1.8,<2.0" or a version such as "3.12"',
        )
    return text


def cuda_condition(text: str) -> str:
    """As :func:`version_condition`, or one of the words ``cpu`` and ``default``."""
    if text in {"cpu", "default"}:
        return text
    tag = _CUDA_TAG.fullmatch(text.lower())
    if tag:
        _refuse(f"«{text}» is not a CUDA release", f'write "{tag[1]}.{tag[2]}"')
    return version_condition(text)


def package(text: str) -> str:
    """A requirement in PEP 508 form, normalised."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        _refuse(
            f"«{text}» is not a requirement",
            'write a name and a version, for example "safetensors==0.5.2"',
        )
    name = canonicalize_name(requirement.name)
    if name in {"torch", "numpy"}:
        _refuse(f"{name} is not an extra package: it has its own key", f"use the key {name}")
    return str(requirement)


def cell_id(text: str) -> str:
    """An id that is safe as a folder name, an image tag and part of a URL."""
    if CELL_ID.fullmatch(text):
        return text
    mended = re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-._")[:100]
    _refuse(
        f"«{text}» cannot be a cell's id: small letters, digits, «.», «_» and «-», at most 100, "
        "the first a letter or digit",
        f"write {mended}" if mended else "",
    )


def platform_name(text: str) -> str:
    """``linux/amd64`` or ``linux/arm64``."""
    if text in {"linux/amd64", "linux/arm64"}:
        return text
    known = _ARCHITECTURES.get(text.lower().removeprefix("linux").strip("/-_"))
    _refuse(
        f"«{text}» is not a platform that cells can have",
        f"write linux/{known}" if known else "write linux/amd64 or linux/arm64",
    )


def base_image(text: str) -> str:
    """Name of a base image; ``{python}`` stands for the cell's Python."""
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError:
        fields = [text]
    if any(name != "python" for name in fields) or not re.fullmatch(r"[^\s-]\S*", text):
        _refuse(
            f"«{text}» is not the name of a base image",
            'the only placeholder is {python}, for example "python:{python}-slim"',
        )
    return text


def device(text: str) -> str:
    """``cpu`` or ``cuda:0``; ``cuda`` alone means the first GPU."""
    kind, _, number = text.partition(":")
    return kind if kind == "cpu" else f"{kind}:{int(number or 0)}"


def size(text: str) -> str:
    """``4GB``, ``512MB``, ``2GiB``."""
    try:
        parse_size(text)
    except ValueError:
        number = re.match(r"\d+(?:\.\d+)?", text)
        _refuse(
            f"«{text}» is not a size", f"write a unit, for example {number[0] if number else 4}GB"
        )
    return text


def duration(text: str) -> str:
    """``60s``, ``5m``, ``1h``."""
    try:
        parse_duration(text)
    except ValueError:
        _refuse(f"«{text}» is not a duration", "write a number and ms, s, m or h: for example 60s")
    return text
