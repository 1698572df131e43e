"""How the image of a cell is made: a value that decides everything, and its digest."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from packaging.requirements import InvalidRequirement, Requirement

from ckptmatrix import shipped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ckptmatrix.matrix.cell import Cell

__all__ = [
    "CELL_LABEL",
    "INPUTS_LABEL",
    "INTERPRETER",
    "INTERPRETER_LABEL",
    "PROXY_VARIABLES",
    "STAGE_LABEL",
    "Base",
    "Recipe",
    "Settings",
    "base_name",
    "make_recipe",
    "pinned",
]

#: Interpreter of every image that is built here.
INTERPRETER = "/opt/cell/bin/python"
#: On every image that is built here: the cell's id.
CELL_LABEL = "org.ckptmatrix.cell"
#: On what the classic builder leaves of a stage, to remove it: the recipe's digest.
STAGE_LABEL = "org.ckptmatrix.stage"
#: The interpreter that has torch.
INTERPRETER_LABEL = "org.ckptmatrix.interpreter"
#: Digest of everything but the base, by which an image is found whose base is gone.
INPUTS_LABEL = "org.ckptmatrix.inputs"
#: Build arguments that need no ARG and stay in no image:
#: https://docs.docker.com/reference/dockerfile/#predefined-args
PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "ftp_proxy", "all_proxy")

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}")
_SUITE = re.compile(r"[a-z][a-z-]{0,40}")
_PYTHON = re.compile(r"3\.\d{1,2}")
_VERSION = re.compile(r"\d+(?:\.\d+)*(?:\.post\d+)?")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]*")
_IDENTITY = re.compile(r"(?:[A-Za-z0-9._:/-]+@)?sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where images and packages come from. Only ``base`` decides what an image is.

    Attributes:
        base: Base image of cells made of wheels, with ``{python}`` where the release belongs.
        index_url: Package index, or empty for pip's own.
        extra_index_urls: More indexes.
        find_links: Pages that list wheels. Folders of this machine are ``wheels``.
        trusted_hosts: Hosts whose certificates are not checked.
        no_index: Whether indexes are not asked at all.
        ca_bundle: Certificates to trust while building, or None.
        proxies: Proxy variables while building, by their lower-case names.
    """

    base: str = "python:{python}-slim"
    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    no_index: bool = False
    ca_bundle: Path | None = None
    proxies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Base:
    """The image a Dockerfile starts from.

    Attributes:
        name: What ``FROM`` says.
        identity: Its digest in a registry (``name@sha256:…``), or its id when it has none; empty
            when it has not been looked up.
    """

    name: str
    identity: str


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything needed to build the image of one cell.

    Attributes:
        cell: Id of the cell.
        target: Name of the build in a bake file and in its log.
        tag: ``ckptmatrix/<cell>:<first 12 digits of the digest>``.
        digest: SHA-256 of the templates, the cell, its lock and its base's identity. Addresses of
            indexes, certificates and proxies do not enter: they do not change what is installed.
        inputs: The same without the base.
        base: What it starts from.
        platform: ``linux/amd64``.
        dockerfile: Text for the classic builder.
        buildkit_dockerfile: Text for BuildKit: the same steps, with mounts instead of a stage.
        files: Build context: name → contents, or a file of this machine.
        arguments: Build arguments.
        packages: What the lock names, ``name==version``, sorted; empty for a Debian suite.
    """

    cell: str
    target: str
    tag: str
    digest: str
    inputs: str
    base: Base
    platform: str
    dockerfile: str
    buildkit_dockerfile: str
    files: Mapping[str, bytes | Path] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()


def base_name(cell: Cell, settings: Settings) -> str:
    """The image a cell's Dockerfile starts from.

    Args:
        cell: Not one of a user's image.
        settings: Says what cells made of wheels start from.

    Raises:
        ValueError: It is not the name of an image.
    """
    if cell.debian is not None:
        return f"debian:{_checked(_SUITE, cell.debian, 'suite')}-slim"
    python = _checked(_PYTHON, cell.python or "", "release of Python")
    return _checked(_REFERENCE, settings.base.replace("{python}", python), "name of an image")


def make_recipe(
    cell: Cell,
    settings: Settings,
    base: Base,
    *,
    lock: str = "",
    wheels: Mapping[str, Path] | None = None,
) -> Recipe:
    """Decide how the image of a cell is made.

    Args:
        cell: Not one of a user's image.
        settings: Where things come from.
        base: The cell's base, looked up.
        lock: Pinned requirements with hashes; of cells made of wheels.
        wheels: File name → wheel of this machine that the lock names.

    Raises:
        ValueError: Something in the cell or the settings cannot be part of a Dockerfile. What was
            read from a matrix file has been checked there already.
    """
    _checked(_REFERENCE, base.name, "name of an image")
    if base.identity:
        _checked(_IDENTITY, base.identity, "identity of an image")
    requirements = lock if cell.is_wheels else _requirement_lines(cell.packages)
    template = "wheels.Dockerfile.j2" if cell.is_wheels else "debian.Dockerfile.j2"
    sources = [(shipped.images() / name).read_text("utf-8") for name in ("install.j2", template)]
    identity = [sources, cell.id, cell.python, cell.debian, cell.cuda, cell.platform, requirements]
    inputs = _digest(identity)
    digest = _digest([inputs, base.identity])
    values = {
        "base": base.name,
        "python": cell.python or "",
        "cuda": cell.is_wheels and cell.cuda != "cpu",
        "packages": bool(cell.packages),
        "digest": digest,
        "stage_label": STAGE_LABEL,
        "labels": {
            CELL_LABEL: cell.id,
            INTERPRETER_LABEL: INTERPRETER,
            INPUTS_LABEL: inputs,
            "org.ckptmatrix.digest": digest,
            "org.ckptmatrix.base": base.name,
            **({"org.ckptmatrix.base-identity": base.identity} if base.identity else {}),
            **(
                {"org.ckptmatrix.torch": _checked(_VERSION, cell.torch, "release of torch")}
                if cell.torch
                else {}
            ),
        },
    }
    slug = _path_component(cell.id)
    return Recipe(
        cell=cell.id,
        target=re.sub(r"[^a-z0-9-]", "_", slug) + "_" + digest[:12],
        tag=f"ckptmatrix/{slug}:{digest[:12]}",
        digest=digest,
        inputs=inputs,
        base=base,
        platform=cell.platform,
        dockerfile=_render(template, buildkit=False, **values),
        buildkit_dockerfile=_render(template, buildkit=True, **values),
        files=_context(requirements, settings, wheels or {}) if requirements else {},
        arguments=_arguments(settings.proxies),
        packages=pinned(lock),
    )


def _render(template: str, **values: object) -> str:
    environment = Environment(
        loader=FileSystemLoader(shipped.images()),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - a Dockerfile is not HTML; every value is checked above
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values).rstrip() + "\n"


def _context(
    requirements: str, settings: Settings, wheels: Mapping[str, Path]
) -> dict[str, bytes | Path]:
    files: dict[str, bytes | Path] = {
        "requirements.txt": requirements.encode(),
        "pip.conf": _pip_conf(settings, with_wheels=bool(wheels)).encode(),
    }
    if settings.ca_bundle is not None:
        files["ca.pem"] = settings.ca_bundle
    for name, path in wheels.items():
        files[f"wheels/{_checked(_FILE, name, 'name of a wheel')}"] = path
    return dict(sorted(files.items()))


def _pip_conf(settings: Settings, *, with_wheels: bool) -> str:
    """The settings as pip reads them; a list is one value a line."""
    links = (*settings.find_links, *(["/opt/context/wheels"] if with_wheels else []))
    values = {
        "index-url": (settings.index_url,),
        "extra-index-url": settings.extra_index_urls,
        "find-links": links,
        "trusted-host": settings.trusted_hosts,
        "no-index": ("true",) if settings.no_index else (),
        "cert": ("/opt/context/ca.pem",) if settings.ca_bundle is not None else (),
    }
    lines = ["[global]"]
    for key, entries in values.items():
        given = [_one_line(entry) for entry in entries if entry]
        if given:
            lines.append(f"{key} = " + "\n    ".join(given))
    return "\n".join(lines) + "\n"


def _arguments(proxies: Mapping[str, str]) -> dict[str, str]:
    """Both spellings: some tools read one, some the other."""
    return {
        spelling: value
        for name, value in sorted(proxies.items())
        for spelling in (name, name.upper())
    }


def _requirement_lines(packages: tuple[str, ...]) -> str:
    for text in packages:
        try:
            Requirement(_one_line(text))
        except InvalidRequirement as error:
            msg = f"{text!r} is not a requirement"
            raise ValueError(msg) from error
    return "".join(f"{text}\n" for text in sorted(packages))


def pinned(lock: str) -> tuple[str, ...]:
    """The ``name==version`` that a lock names, sorted."""
    return tuple(sorted(re.findall(r"^([A-Za-z0-9][^\s\\;]*==[^\s\\;]+)", lock, re.MULTILINE)))


def _path_component(cell: str) -> str:
    """An id as part of an image's name, where separators may not follow each other."""
    return re.sub(r"[._-]{2,}", "-", cell).strip("._-")


def _one_line(text: str) -> str:
    if not text.isprintable():
        msg = f"{text!r} has characters that a settings file cannot hold"
        raise ValueError(msg)
    return text


def _checked(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        msg = f"{text!r} is not a {what}"
        raise ValueError(msg)
    return text


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
