"""What may be in a matrix file. The JSON Schema for editors is made from this module.

``ckptmatrix schema`` prints it; it is published as ``matrices/schema/matrix.v1.json``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ckptmatrix.matrix import notation

__all__ = [
    "Axes",
    "Build",
    "Cases",
    "Exclude",
    "Host",
    "Include",
    "Limits",
    "MatrixFile",
    "json_schema",
]

# Patterns are for editors alone: in the loader, the functions of ``notation`` explain more.
Python = Annotated[
    str,
    AfterValidator(notation.python_version),
    Field(
        description="Python, major and minor, in quotes: without them 3.10 is the number 3.1.",
        examples=["3.8", "3.11"],
        json_schema_extra={"pattern": r"^3\.[0-9]{1,2}$"},
    ),
]
Torch = Annotated[
    str,
    AfterValidator(notation.torch_release),
    Field(
        description="A full release of torch, in quotes.",
        examples=["1.13.1", "2.6.0"],
        json_schema_extra={"pattern": r"^[0-9]+\.[0-9]+\.[0-9]+(\.post[0-9]+)?$"},
    ),
]
Cuda = Annotated[
    str,
    AfterValidator(notation.cuda_build),
    Field(
        description="Build of torch: cpu, a CUDA release, or default for what the index serves.",
        examples=["default", "cpu", "12.4"],
        json_schema_extra={"pattern": r"^(cpu|default|[0-9]{1,2}\.[0-9])$"},
    ),
]
Numpy = Annotated[
    str,
    AfterValidator(notation.numpy_constraint),
    Field(
        description="Constraint on NumPy: a version, a range, or any.",
        examples=["<2", "1.26.4", "any"],
        json_schema_extra={"pattern": r"^(any|[0-9<>=!~].*)$"},
    ),
]
Platform = Annotated[
    str,
    AfterValidator(notation.platform_name),
    Field(
        description="Operating system and processor of the cells.",
        examples=["linux/amd64"],
        json_schema_extra={"enum": ["linux/amd64", "linux/arm64"]},
    ),
]
Condition = Annotated[
    str,
    AfterValidator(notation.version_condition),
    Field(
        description="A version range; a bare version means it and everything below it.",
        examples=[">=3.12", "<2.2", ">=1.8,<2.0"],
        json_schema_extra={"pattern": r"^[0-9<>=!~].*$"},
    ),
]
CudaCondition = Annotated[
    str,
    AfterValidator(notation.cuda_condition),
    Field(
        description="cpu, default, or a range of CUDA releases.",
        examples=["cpu", ">=12"],
        json_schema_extra={"pattern": r"^(cpu|default|[0-9<>=!~].*)$"},
    ),
]
Package = Annotated[
    str,
    AfterValidator(notation.package),
    Field(description="A requirement in PEP 508 form.", examples=["safetensors==0.5.2"]),
]
CellId = Annotated[
    str,
    AfterValidator(notation.cell_id),
    Field(
        description="The cell's id, when the derived one is not wanted.",
        examples=["with-safetensors"],
        json_schema_extra={"pattern": r"^[a-z0-9][a-z0-9._-]{0,99}$"},
    ),
]
Suite = Annotated[
    str,
    Field(
        description="A Debian suite, whose own Python and torch are used.",
        pattern=r"^[a-z][a-z-]*$",
        examples=["bookworm", "trixie"],
    ),
]
Image = Annotated[
    str,
    Field(
        description="A container image that has Python and torch.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$",
        max_length=255,
        examples=["registry.example/serve:2026.10"],
    ),
]
Interpreter = Annotated[
    str,
    Field(
        description="Absolute path of the Python inside the image.",
        pattern=r"^/\S+$",
        examples=["/opt/venv/bin/python"],
    ),
]
Device = Annotated[
    str,
    Field(
        description="cpu, cuda, or one GPU such as cuda:0.",
        pattern=r"^(cpu|cuda(:[0-9]{1,2})?)$",
        examples=["cpu", "cuda", "cuda:0"],
    ),
    AfterValidator(notation.device),
]
Pattern = Annotated[
    str,
    Field(
        description="A case's name, a glob over names, or family: and a glob over families.",
        pattern=r"^[A-Za-z0-9_*?:\[\]!-]+$",
        max_length=200,
        examples=["*", "resume_*", "family:torchscript"],
    ),
]
Size = Annotated[
    str,
    AfterValidator(notation.size),
    Field(
        examples=["4GB", "512MB", "2GiB"],
        json_schema_extra={"pattern": r"^[0-9]+(\.[0-9]+)? ?([kKMGT]i?)?B$"},
    ),
]
Duration = Annotated[
    str,
    AfterValidator(notation.duration),
    Field(
        examples=["60s", "5m"],
        json_schema_extra={"pattern": r"^[0-9]+(\.[0-9]+)? ?(ms|s|m|h)$"},
    ),
]
Setting = Annotated[str, Field(min_length=1, max_length=1_000)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Axes(_Model):
    """Lists whose product gives cells."""

    python: list[Python] = Field(min_length=1, max_length=50)
    torch: list[Torch] = Field(min_length=1, max_length=100)
    cuda: list[Cuda] = Field(default=["default"], min_length=1, max_length=20)
    numpy: list[Numpy] = Field(default=["any"], min_length=1, max_length=20, validate_default=True)


class Exclude(_Model):
    """Cells of the product that are not wanted: all the conditions given must hold."""

    python: Condition | None = None
    torch: Condition | None = None
    cuda: CudaCondition | None = None
    numpy: Numpy | None = Field(default=None, description="A value of the axis numpy.")


class Include(_Model):
    """One more cell: python and torch, or a Debian suite, or an image."""

    id: CellId | None = None
    python: Python | None = None
    torch: Torch | None = None
    cuda: Cuda | None = None
    numpy: Numpy | None = None
    packages: list[Package] = Field(
        default=[], max_length=50, description="Extra packages to install beside torch."
    )
    debian: Suite | None = None
    image: Image | None = None
    interpreter: Interpreter | None = None
    platform: Platform | None = None


class Cases(_Model):
    """Which cases to run."""

    select: list[Pattern] = Field(
        default=["*"], min_length=1, description="Cases wanted: names, globs, family:NAME."
    )
    exclude: list[Pattern] = Field(default=[], description="Cases not wanted, of those selected.")
    files: list[Setting] = Field(
        default=[],
        description="Python files with cases of your own, relative to this file.",
        examples=[["cases/mine.py"]],
    )


class Limits(_Model):
    """What one task in a cell may use; the same in every cell."""

    memory: Size = Field(
        default="4GB", description="Memory beyond that of a process that has imported torch."
    )
    pids: int = Field(default=256, ge=16, le=100_000, description="Processes and threads.")
    timeout: Duration = Field(default="60s", description="Time for one save or load.")
    disk: Size = Field(default="20GB", description="Disk that environments may take, together.")
    output: Size = Field(default="16MB", description="What one task may print.")


class Build(_Model):
    """How environments are made."""

    ca_bundle: Setting | None = Field(
        default=None,
        description="Certificates that package downloads trust: a file, or $NAME of a variable.",
        examples=["$SSL_CERT_FILE", "certs/company.pem"],
    )
    index: Setting | None = Field(
        default=None, description="Package index to use instead of the default, or $NAME."
    )
    find_links: Setting | None = Field(
        default=None, description="Folder or page with wheels to consider as well, or $NAME."
    )
    base: Annotated[str, AfterValidator(notation.base_image)] = Field(
        default="python:{python}-slim",
        description="Base image of cells made of wheels; {python} is the cell's Python.",
    )


class Host(_Model):
    """A machine, and where its environments come from."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Its name in logs and reports.",
        examples=["here"],
    )
    provider: Literal["auto", "docker", "venv"] = Field(
        default="auto", description="auto: docker where an engine answers, else venv."
    )


class MatrixFile(_Model):
    """Environments and checkpoints to try against each other."""

    model_config = ConfigDict(title="ckptmatrix matrix, version 1")

    name: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Name in reports; the file's own name when left out.",
    )
    axes: Axes | None = None
    exclude: list[Exclude] = Field(
        default=[], max_length=200, description="Rules that take cells out of the product of axes."
    )
    include: list[Include] = Field(
        default=[], max_length=1_000, description="Cells beside the product of axes."
    )
    devices: list[Device] = Field(
        default=["cpu"], min_length=1, max_length=16, description="Where tensors are put."
    )
    cases: Cases = Cases()
    limits: Limits = Limits()
    build: Build = Build()
    platform: Platform = "linux/amd64"
    hosts: list[Host] = Field(default=[Host(name="here")], min_length=1, max_length=100)


def json_schema() -> dict[str, Any]:
    """The published JSON Schema of a matrix file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **MatrixFile.model_json_schema(),
    }
