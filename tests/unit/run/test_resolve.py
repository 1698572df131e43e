from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ckptmatrix.matrix.cell import Cell, derive_id
from ckptmatrix.run.resolve import mismatch, resolve_cell
from ckptmatrix.wire import Facts
from ckptmatrix.words import Reason


def some_facts(**changes: Any) -> Facts:
    facts: dict[str, Any] = {
        "cell_program": "0.1.0",
        "python": "3.11.7",
        "implementation": "cpython",
        "executable": "python",
        "platform": "linux",
        "machine": "x86_64",
        "byteorder": "little",
        "torch": "2.6.0+cu124",
        "torch_cuda": "12.4",
        "numpy": "1.26.4",
        "packages": [{"name": "Safe_Tensors", "version": "0.5.2"}],
    }
    return Facts.model_validate(facts | changes)


def a_cell(**changes: Any) -> Cell:
    cell = replace(Cell(id="", python="3.11", torch="2.6.0", cuda="default"), **changes)
    return replace(cell, id=derive_id(cell))


def test_a_cell_that_is_what_its_id_says() -> None:
    cell = a_cell(cuda="12.4", numpy="<2", packages=("safe-tensors==0.5.2",))
    assert mismatch(cell, some_facts()) is None


@pytest.mark.parametrize(
    ("cell", "facts", "words"),
    [
        ({"python": "3.1"}, {}, "Python is 3.11.7, not 3.1"),
        ({"torch": "2.6.1"}, {}, "torch is 2.6.0+cu124, not 2.6.1"),
        ({"cuda": "cpu"}, {}, "built for CUDA 12.4, not for the CPU"),
        ({"cuda": "11.8"}, {}, "built for CUDA 12.4, not 11.8"),
        ({"cuda": "11.8"}, {"torch_cuda": None}, "built for CUDA none, not 11.8"),
        ({"numpy": ">=2"}, {}, "NumPy is 1.26.4, not >=2"),
        ({"numpy": ">=2"}, {"numpy": None}, "NumPy is absent, not >=2"),
        ({"packages": ("other>=1",)}, {}, "other is absent, not other>=1"),
        ({"packages": ("other; python_version >= '3.9'",)}, {}, "other is absent"),
        ({"packages": ("safe.tensors>1",)}, {}, "safe.tensors is 0.5.2, not safe.tensors>1"),
    ],
)
def test_each_way_of_not_being_it(cell: dict[str, Any], facts: dict[str, Any], words: str) -> None:
    found = mismatch(a_cell(**cell), some_facts(**facts))
    assert found is not None
    assert found[0] is Reason.ENVIRONMENT_MISMATCH
    assert words in found[1]


def test_a_suffix_that_pep_440_sorts_before_the_release_is_the_release() -> None:
    assert mismatch(a_cell(torch="1.13.0"), some_facts(torch="1.13.0a0+gitunknown")) is None


def test_a_torch_that_cannot_be_imported_is_said_with_its_last_line() -> None:
    found = mismatch(a_cell(), some_facts(torch=None, torch_error="Traceback…\nOSError: libx.so"))
    assert found == (Reason.IMPORT_FAILED, "torch cannot be imported: OSError: libx.so")


def test_a_fallback_that_happens_to_be_the_build_keeps_its_id() -> None:
    asked = a_cell(cuda="cpu")
    fallen = asked.with_cuda("default")
    assert fallen.id != asked.id
    assert resolve_cell(asked, fallen, some_facts(torch_cuda=None)) == asked
    assert resolve_cell(asked, fallen, some_facts()) == fallen


def test_an_id_the_user_chose_survives_a_fallback() -> None:
    assert replace(a_cell(cuda="cpu"), id="mine").with_cuda("default").id == "mine"


@pytest.mark.parametrize(
    "marker",
    [
        "python_version < '3.9'",
        "python_full_version < '3.11.7'",
        "sys_platform == 'win32'",
        "platform_system != 'Linux'",
        "platform_machine == 'aarch64'",
        "implementation_name == 'pypy'",
        "platform_python_implementation == 'PyPy'",
        "extra == 'more'",
    ],
)
def test_a_requirement_for_other_cells_is_none_of_this_one(marker: str) -> None:
    cell = a_cell(packages=(f"other>=1; {marker}",))
    facts = some_facts(implementation="CPython")
    assert mismatch(cell, facts) is None


def test_markers_are_about_the_cell_and_not_about_this_python() -> None:
    cell = a_cell(python="3.6", packages=("dataclasses; python_version == '3.6'",))
    found = mismatch(cell, some_facts(python="3.6.15"))
    assert found is not None
    assert "dataclasses is absent" in found[1]
