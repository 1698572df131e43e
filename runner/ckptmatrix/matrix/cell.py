"""A cell: one environment, and the id everything else derives from."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

__all__ = ["CELL_ID", "DEFAULT_PLATFORM", "Cell", "derive_id", "release_of"]

DEFAULT_PLATFORM = "linux/amd64"
#: Ids become folder names, image tags, labels and URLs, so they keep to what all of those allow.
CELL_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")

_OPERATORS = {"==": "", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "~=": "like", "!=": "not"}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One environment of the matrix, as declared.

    Attributes:
        id: The API: ``py3.11-torch2.6.0-cpu``. Unique in a matrix, matches :data:`CELL_ID`.
        python: ``"3.11"``; None where a suite or an image decides.
        torch: Exact release, ``"2.6.0"``; None where a suite or an image decides.
        cuda: ``cpu``, a CUDA release such as ``12.4``, or ``default`` (what the index serves).
        numpy: Version specifier (``<2``, ``==1.26.4``), empty for whatever resolves.
        packages: Extra requirements in PEP 508 form, sorted.
        platform: ``linux/amd64``.
        debian: Suite whose own torch is used, or None.
        image: A user's image, or None.
        interpreter: Interpreter inside the image, or None for what is on its PATH.
    """

    id: str
    python: str | None = None
    torch: str | None = None
    cuda: str = "default"
    numpy: str = ""
    packages: tuple[str, ...] = ()
    platform: str = DEFAULT_PLATFORM
    debian: str | None = None
    image: str | None = None
    interpreter: str | None = None

    @property
    def is_wheels(self) -> bool:
        """Whether the environment is made of published wheels, not of a suite or an image."""
        return self.debian is None and self.image is None

    def with_cuda(self, cuda: str) -> Cell:
        """The cell it turns out to be when another CUDA build than asked for was installed.

        An id the user chose is kept; a derived one is derived anew.
        """
        other = replace(self, cuda=cuda)
        return replace(other, id=derive_id(other)) if self.id == derive_id(self) else other


def _slug(specifier: str) -> str:
    """``<2,>=1.20`` as ``ge1.20_lt2``: readable, sorted, safe in a file name."""
    parts = sorted(
        _OPERATORS.get(part.operator, "eq") + part.version for part in SpecifierSet(specifier)
    )
    return "_".join(re.sub(r"[^a-z0-9.]+", ".", part.lower()) for part in parts)


def derive_id(cell: Cell) -> str:
    """The id of a cell that was given none.

    Args:
        cell: Its ``id`` is ignored.

    Returns:
        A string that matches :data:`CELL_ID` for every valid cell.
    """
    if cell.debian is not None:
        parts = [f"debian-{cell.debian}"]
    elif cell.image is not None:
        parts = ["image-" + re.sub(r"[^a-z0-9.]+", "-", cell.image.lower()).strip("-")]
    else:
        cuda = f"cu{cell.cuda}" if cell.cuda[0].isdigit() else cell.cuda
        parts = [f"py{cell.python}", f"torch{cell.torch}", cuda]
    if cell.numpy:
        parts.append("numpy" + _slug(cell.numpy))
    for text in cell.packages:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name).replace("-", ".")
        parts.append(name + _slug(str(requirement.specifier)))
    if cell.platform != DEFAULT_PLATFORM:
        parts.append(cell.platform.removeprefix("linux/").replace("/", "."))
    return "-".join(parts)[:100]


def release_of(version: str) -> tuple[int, ...]:
    """The numeric release of a version string, for comparisons that ignore suffixes.

    Debian's torch calls itself ``1.13.0a0``, which PEP 440 sorts before 1.13; people mean 1.13.

    Args:
        version: ``"2.6.0+cu124"``, ``"1.13.0a0+gitunknown"``, ``"3.14.10"``.

    Returns:
        Its leading integers, ``(2, 6, 0)``; empty when there are none.
    """
    match = re.match(r"v?(\d+(?:\.\d+)*)", version.strip())
    return tuple(int(part) for part in match[1].split(".")) if match else ()
