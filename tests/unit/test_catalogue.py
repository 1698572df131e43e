from __future__ import annotations

import ast
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.catalogue import builtin_cases, builtin_paths, read_cases, user_cases
from ckptmatrix.catalogue.source import parse
from ckptmatrix.errors import UsageError
from ckptmatrix.words import Mode, OpenedAs

if TYPE_CHECKING:
    from pathlib import Path

CASE = '''
"""Mine."""
from ckptcell.cases.base import Case

SIZE = 3


class Mine(Case):
    """About it."""

    name = "mine"
    family = "own"
    title = "One of mine"

    def save(self, path):
        """How it is saved."""
        return SIZE
'''


def write(folder: Path, text: str, name: str = "mine.py") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def refused(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        user_cases(path)
    return str(caught.value)


def test_builtin_cases() -> None:
    cases = {case.name: case for case in builtin_cases()}
    assert len(cases) >= 30
    assert {"state_dict", "file_truncated"} <= set(cases)
    state = cases["state_dict"]
    assert state.modes == tuple(mode for mode in Mode if not mode.is_cure)
    assert state.module == "ckptcell.cases.state"
    assert state.source.startswith("cases/state.py:")
    assert cases["format_legacy"].modes == (Mode.PLAIN, Mode.MAPPED, Mode.RESTRICTED, Mode.TRUSTED)
    assert cases["program_script"].loader == ("torch.jit.load",)
    assert cases["module_gelu"].expect == cases["module_linear"].expect != {}
    assert len({case.digest for case in cases.values()}) == len(cases)


def test_conditions_of_builtin_cases() -> None:
    cases = builtin_cases()
    assert {case.name: case.memory_bytes for case in cases if case.memory_bytes} == {
        "large_under_limit": 32 << 20
    }
    assert {case.name: case.opened_as for case in cases if case.opened_as != OpenedAs.PATH} == {
        "file_short_by_a_byte_buffer": OpenedAs.BUFFER,
        "format_buffer": OpenedAs.BUFFER,
        "format_file_object": OpenedAs.FILE,
        "format_unseekable": OpenedAs.STREAM,
    }


def test_reading_all_cases_is_cheap() -> None:
    builtin_cases()
    started = time.process_time()
    cases = builtin_cases()
    assert time.process_time() - started < 0.002 * len(cases)


def test_a_users_file(tmp_path: Path) -> None:
    path = write(tmp_path, CASE)
    (case,) = user_cases(path)
    assert (case.name, case.family, case.title) == ("mine", "own", "One of mine")
    assert case.modes == tuple(mode for mode in Mode if not mode.is_cure)
    assert case.filename == "checkpoint.pt"
    assert case.source == f"{path}:8"


def test_nothing_is_run(tmp_path: Path) -> None:
    (case,) = user_cases(write(tmp_path, "raise SystemExit(3)\n" + CASE))
    assert case.name == "mine"


@pytest.mark.parametrize(
    ("spelling", "base"),
    [
        ("from ckptcell.cases import base", "base.Case"),
        ("import ckptcell.cases.base", "ckptcell.cases.base.Case"),
        ("from ckptcell.cases.base import Case as Kind", "Kind"),
    ],
)
def test_case_by_other_names(tmp_path: Path, spelling: str, base: str) -> None:
    text = CASE.replace("from ckptcell.cases.base import Case", spelling)
    (case,) = user_cases(write(tmp_path, text.replace("(Case)", f"({base})")))
    assert case.name == "mine"


def test_literals_are_inherited_in_a_file(tmp_path: Path) -> None:
    text = """
    from ckptcell.cases.base import Case

    class _Base(Case):
        family = "own"
        format = "torchscript"
        needs = ("torch.jit.script",)

    class First(_Base):
        name = "first"
        title = "First"

    class Second(First):
        name = "second"
        needs = []
        modes = ["mapped"]
    """
    first, second = user_cases(write(tmp_path, text))
    assert (first.needs, first.modes) == (("torch.jit.script",), (Mode.PLAIN, Mode.MAPPED))
    assert (second.family, second.title) == ("own", "First")
    assert (second.needs, second.modes) == ((), (Mode.MAPPED,))


def test_modes_come_in_rising_trust(tmp_path: Path) -> None:
    text = CASE.replace("    name =", '    modes = ("trusted", "plain")\n    name =')
    (case,) = user_cases(write(tmp_path, text))
    assert case.modes == (Mode.PLAIN, Mode.TRUSTED)


def test_cures_come_after_the_modes_of_the_format(tmp_path: Path) -> None:
    text = CASE.replace(
        "    name =", '    modes = ("plain",)\n    cures = ("partial", "stripped")\n    name ='
    )
    (case,) = user_cases(write(tmp_path, text))
    assert case.modes == (Mode.PLAIN, Mode.STRIPPED, Mode.PARTIAL)


def digest(folder: Path, text: str) -> str:
    return user_cases(write(folder, text))[0].digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("One of mine", "Another title"),
        ("About it.", "More about it."),
        ("How it is saved.", "How."),
        ('"""Mine."""', '"""Ours."""\n\n__all__ = ["Mine"]\n'),
        ("SIZE = 3", "SIZE   =  3  # the size"),
        ("    name =", '    policy = {"ignore": ["flags_changed"]}\n    name ='),
        ("    name =", '    expect = {"verdict": "failed"}\n    name ='),
    ],
)
def test_what_a_digest_does_not_depend_on(tmp_path: Path, old: str, new: str) -> None:
    assert CASE.count(old) == 1
    assert digest(tmp_path, CASE.replace(old, new)) == digest(tmp_path, CASE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SIZE = 3", "SIZE = 4"),
        ("return SIZE", "return SIZE + 1"),
        ("    name =", '    filename = "a.bin"\n    name ='),
        ("    name =", '    needs = ("numpy",)\n    name ='),
        ("    name =", "    state_is_all = True\n    name ="),
        ("    name =", "    memory_bytes = 1000000\n    name ="),
        ("    name =", '    opened_as = "file"\n    name ='),
    ],
)
def test_what_a_digest_depends_on(tmp_path: Path, old: str, new: str) -> None:
    assert CASE.count(old) == 1
    assert digest(tmp_path, CASE.replace(old, new)) != digest(tmp_path, CASE)


NEIGHBOUR = """

class Other({base}):
    name = "other"
    family = "own"
    title = "Other"

    def load(self, path, mode):
        return {value}
"""


def test_a_digest_depends_on_another_case_only_where_it_is_mentioned(tmp_path: Path) -> None:
    def digests(value: int, body: str, base: str = "Case") -> list[str]:
        text = CASE.replace("return SIZE", body) + NEIGHBOUR.format(value=value, base=base)
        return [case.digest for case in user_cases(write(tmp_path, text))]

    assert digests(1, "return SIZE")[0] == digests(2, "return SIZE")[0]
    assert digests(1, "return Other")[0] != digests(2, "return Other")[0]
    assert digests(1, "return 1", "Mine")[1] != digests(1, "return 2", "Mine")[1]


def test_module_names_survive_edits_and_moves_and_do_not_collide(tmp_path: Path) -> None:
    here = user_cases(write(tmp_path, CASE, "a/My cases.py"))[0].module
    there = user_cases(write(tmp_path, CASE + "\nEXTRA = 1\n", "b/My cases.py"))[0].module
    other = write(tmp_path, CASE.replace('"mine"', '"yours"'), "c/My cases.py")
    assert here == there
    assert here.startswith("ckptcell_user_my_cases_")
    assert user_cases(other)[0].module != here


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "fix"),
    [
        ('"own"', "SIZE", 12, "«family» is not a literal", "write its value in place"),
        ('name = "mine"', "pass", 8, "«name» is missing", 'write name = "…"'),
        ('title = "One of mine"', "pass", 8, "«title» is missing", 'write title = "…"'),
        ('family = "own"', "pass", 8, "«family» is missing", 'family = "state"'),
        ('name = "mine"', 'name: str = "mine"', 11, "«name» has an annotation", "write name = …"),
        ('"mine"', '"Mine!"', 11, "'Mine!' is no name", "lower-case"),
        ('"mine"', "3", 11, "3 is no name", "lower-case"),
        ('"mine"', '"state_dict"', 8, "«state_dict» already, at cases/state.py:", "another name"),
        ('"own"', '"own"\n    format = "pickel"', 13, "'pickel' is no format", '"pickle"'),
        ('"own"', '"own"\n    modes = ("pain",)', 13, "is no mode of its format", '"plain"'),
        ('"own"', '"own"\n    modes = "plain"', 13, "is not a tuple of modes", '("plain",)'),
        ('"own"', '"own"\n    cures = ("mmap",)', 13, "is no cure", "partial"),
        (
            '"own"',
            '"own"\n    cures = "partial"',
            13,
            "is not a tuple of cures",
            '("allowlisted",)',
        ),
        ('"own"', '"own"\n    variant_of = "A B"', 13, "is no name", "lower-case"),
        ('"own"', '"own"\n    cure = 3', 13, "is no name", "lower-case"),
        ('"own"', '"own"\n    needs = ("torch")', 13, "not a tuple of dotted names", ",)"),
        ('"own"', '"own"\n    filename = "../x"', 13, "is no plain file name", "without folders"),
        ('"own"', '"own"\n    state_is_all = "yes"', 13, "neither True nor False", "= True"),
        ('"own"', '"own"\n    memory_bytes = 0', 13, "0 is no number of bytes", "33554432"),
        ('"own"', '"own"\n    memory_bytes = True', 13, "True is no number", "leave it out"),
        ('"own"', '"own"\n    memory_bytes = "1 GiB"', 13, "is no number of bytes", "leave it"),
        ('"own"', '"own"\n    opened_as = "fil"', 13, "'fil' is no way to open", '"file"'),
        ('"own"', '"own"\n    opened_as = 3', 13, "3 is no way to open a file", "buffer"),
        ('"own"', '"own"\n    policy = 3', 13, "«policy» is not a dict", "rtol"),
        (
            '"own"',
            '"own"\n    expect = {"verdict": "fail"}',
            13,
            "'fail' is no verdict",
            '"failed"',
        ),
        (
            '"own"',
            '"own"\n    expect = {"reasons": ["file_corupt"]}',
            13,
            "'file_corupt' is no reason",
            '"file_corrupt"',
        ),
        ('"own"', '"own"\n    expect = {"modes": {"palin": {}}}', 13, "is no mode", '"plain"'),
        ('"own"', '"own"\n    expect = {"reason": []}', 13, "'reason' is no key", '"reasons"'),
        ("(Case)", "(Unknown)", 8, "not derived from Case", "write «from ckptcell.cases.base"),
        ("return SIZE", "return (", 0, "is not Python", "name a Python file of cases"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_fix(
    tmp_path: Path, *, old: str, new: str, line: int, message: str, fix: str
) -> None:
    assert CASE.count(old) == 1
    path = write(tmp_path, CASE.replace(old, new))
    complaint = refused(path)
    assert message in complaint
    assert fix in complaint.partition("\n    fix: ")[2]
    assert complaint.startswith(f"{path}:{line}: " if line else f"{path}:")


def test_all_problems_of_all_files_are_said_at_once(tmp_path: Path) -> None:
    first = write(tmp_path, CASE.replace('"own"', "OWN").replace('"One of mine"', "TITLE"))
    second = write(tmp_path, "class", "second.py")
    with pytest.raises(UsageError) as caught:
        read_cases([*builtin_paths(), first, second])
    assert str(caught.value).count("\n    fix: ") >= 3


def test_two_cases_of_one_name(tmp_path: Path) -> None:
    first, second = write(tmp_path, CASE), write(tmp_path, CASE, "second.py")
    with pytest.raises(
        UsageError, match=r"second\.py:8: there is a case «mine» already, at .*mine"
    ):
        read_cases([first, second])


def test_two_classes_of_one_name(tmp_path: Path) -> None:
    assert "class Mine is defined twice" in refused(write(tmp_path, CASE + CASE))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no case"),
        (b"x = 1\n", "has no case"),
        (b"\x80\x02}q\x00.", "is not Python"),
        (b"x = '\xff'\n", "is not Python"),
        (b"x = 0\x00\n", "is not Python"),
        (b"-" * 200_000 + b"1\n", "is not Python"),
        (b"#" * 1_000_001, "is larger than 1 MB"),
    ],
    ids=["empty", "no case", "pickle", "latin-1", "null byte", "deep", "large"],
)
def test_files_that_are_no_cases(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_bytes(content)
    complaint = refused(path)
    assert complaint.startswith(str(path))
    assert message in complaint
    assert "\n    fix: " in complaint


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refused(tmp_path / "absent.py")
    assert "cannot be read: Is a directory" in refused(tmp_path)


def test_attributes_of_other_classes_are_not_metadata(tmp_path: Path) -> None:
    text = CASE + "\n\nclass Row:\n    name = SIZE\n    family: int = 3\n"
    assert len(user_cases(write(tmp_path, text))) == 1


def test_a_fault_of_the_parser_is_not_the_file_s(monkeypatch: pytest.MonkeyPatch) -> None:
    real, faults = ast.parse, iter([SystemError("AST constructor recursion depth mismatch")])

    def parsed(source: bytes) -> ast.Module:
        for fault in faults:
            raise fault
        return real(source)

    monkeypatch.setattr(ast, "parse", parsed)
    assert parse(b"name = 1").body
    with pytest.raises(SyntaxError):
        parse(b"name =")
