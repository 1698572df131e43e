from __future__ import annotations

import pickle
import sys
from typing import TYPE_CHECKING

import pytest

from ckptcell import casefiles
from ckptcell.cases.base import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = """\
from ckptcell.cases.base import Case

class Thing(object):
    pass

class Mine(Case):
    name = "mine"
    title = "A case."
"""


@pytest.fixture(autouse=True)
def forgotten_modules() -> Iterator[None]:
    yield
    for name in [name for name in sys.modules if name.startswith("ckptcell_user_")]:
        del sys.modules[name]


@pytest.fixture
def mine(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "my cases.py"
    path.write_text(SOURCE, encoding="utf-8")
    return {"ckptcell_user_mine": str(path)}


def test_what_files_of_cases_want_imported_first() -> None:
    wanted = casefiles.imports()
    assert wanted["ckptcell.cases.optimizer"] == ("torch._dynamo",)
    assert "ckptcell.cases.tensor" not in wanted
    assert set(wanted) <= set(casefiles.index({}).values())


def test_cases_are_found_without_importing_any(mine: dict[str, str]) -> None:
    found = casefiles.index(mine)
    assert found["mine"] == "ckptcell_user_mine"
    assert "ckptcell_user_mine" not in sys.modules
    shipped = {module for module in found.values() if module.startswith("ckptcell.cases.")}
    assert shipped
    assert "ckptcell.cases.base" not in shipped


def test_a_file_that_cannot_be_parsed_hides_no_other(mine: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("class (", encoding="utf-8")
    files = {
        "ckptcell_user_broken": str(tmp_path / "broken.py"),
        "ckptcell_user_none": str(tmp_path / "none.py"),
        **mine,
    }
    assert casefiles.index(files)["mine"] == "ckptcell_user_mine"
    with pytest.raises(SyntaxError):
        casefiles.load_case("theirs", None, {"ckptcell_user_broken": files["ckptcell_user_broken"]})
    assert "ckptcell_user_broken" not in sys.modules


def test_classes_of_a_users_file_can_be_saved_and_loaded(mine: dict[str, str]) -> None:
    kind = casefiles.load_case("mine", "ckptcell_user_mine", mine)
    assert (kind.__module__, kind.__name__) == ("ckptcell_user_mine", "Mine")
    module = sys.modules["ckptcell_user_mine"]
    assert type(pickle.loads(pickle.dumps(module.Thing()))) is module.Thing  # noqa: S301 - our own
    assert casefiles.load_case("mine", "ckptcell_user_mine", mine) is kind


def test_the_folder_of_a_users_file_is_not_written_to(mine: dict[str, str], tmp_path: Path) -> None:
    casefiles.load_case("mine", "ckptcell_user_mine", mine)
    assert [path.name for path in tmp_path.iterdir()] == ["my cases.py"]


def test_a_case_nobody_has_is_unsupported(mine: dict[str, str]) -> None:
    with pytest.raises(Unsupported, match="no case 'theirs'"):
        casefiles.load_case("theirs", None, mine)


def test_every_shipped_case_is_where_it_was_found() -> None:
    for name, module in casefiles.index({}).items():
        assert casefiles.load_case(name, module, {}).name == name


@pytest.mark.parametrize(
    "name", ["json", "json.loads", "json.decoder.JSONDecodeError.__init__", "xml.dom.minidom.parse"]
)
def test_what_is_there_is_resolved(name: str) -> None:
    casefiles.require((name,))


@pytest.mark.parametrize(
    "name", ["no_such_package", "no_such_package.load", "json.no_such", "json.decoder.no.such"]
)
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(Unsupported) as missing:
        casefiles.require(("json", name))
    assert str(missing.value) == f"{name} is missing here"


def test_what_is_broken_is_not_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_package.py").write_text("import no_such_thing\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="no_such_thing"):
        casefiles.require(("broken_package.load",))
