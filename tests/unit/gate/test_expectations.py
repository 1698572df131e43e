from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import MatrixError
from ckptmatrix.gate.expectations import read_expectations
from ckptmatrix.words import Mode, Reason, Verdict

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """\
expect:
  - producer: "py3.13-*"
    consumer: "*torch1.7.1*"
    case: "numpy_*"
    device: cpu
    mode: [plain, trusted]
    verdict: failed
    reason: missing_module
    why: NumPy 2 has other names
    link: numpy#24844
    expires: 2027-01-31
  - {case: state_dict, mode: mmap, verdict: changed, why: "?", expires: 2026-12-01}
"""
EXAMPLE = "expect: [{case: 'numpy_*', verdict: failed, why: '…', expires: 2027-01-31}]"


def problems(path: Path, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MatrixError) as caught:
        read_expectations(path)
    return [f"{p.line}: {p.message} | {p.fix}" for p in caught.value.problems]


def test_entries_become_expectations(tmp_path: Path) -> None:
    path = tmp_path / "expect.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    first, second = read_expectations(path)
    assert (first.line, second.line) == (2, 12)
    assert (first.producer, first.consumer, first.case) == ("py3.13-*", "*torch1.7.1*", "numpy_*")
    assert first.modes == (Mode.PLAIN, Mode.TRUSTED)
    assert (first.verdict, first.reason) == (Verdict.FAILED, Reason.MISSING_MODULE)
    assert (first.link, first.expires) == ("numpy#24844", date(2027, 1, 31))
    assert (second.producer, second.modes, second.reason) == ("*", (Mode.MMAP,), None)
    assert first.sentence == (
        "line 2: numpy_*, py3.13-* → *torch1.7.1*, mode plain, trusted: failed (missing_module), "
        "until 2027-01-31: NumPy 2 has other names"
    )


def test_a_file_without_entries_expects_nothing(tmp_path: Path) -> None:
    path = tmp_path / "expect.yaml"
    path.write_text("expect: []\n", encoding="utf-8")
    assert read_expectations(path) == ()


def test_everything_wrong_is_told_with_its_line(tmp_path: Path) -> None:
    text = """\
expects: []
expect:
  - {cas: x, verdict: fail, why: x, expires: soon}
  - {verdict: failed, why: x, expires: 2027-02-30, mode: [plain, quick]}
  - {verdict: failed, reason: mising_module, expires: 2027-01-01}
  - [1]
  - {verdict: failed, why: 3, expires: 2027-01-01}
"""
    assert problems(tmp_path / "expect.yaml", text) == [
        "1: there is no key «expects» | its only key is expect",
        "3: there is no key «cas» in an entry | did you mean case?",
        "3: «fail» is no verdict | did you mean failed?",
        "3: «soon» is no day | write it as 2027-01-31",
        "4: «2027-02-30» is no day | write it as 2027-01-31",
        f"4: «quick» is no mode | write one of {', '.join(Mode)}",
        f"5: the entry lacks why | write {EXAMPLE}",
        "5: «mising_module» is no reason | did you mean missing_module?",
        f"6: an entry must be a mapping | write {EXAMPLE}",
        "7: why must be text | put it in quotes",
    ]


@pytest.mark.parametrize("key", ["verdict", "why", "expires", "case", "mode", "reason", "link"])
@pytest.mark.parametrize("value", ["[failed]", "{a: 1}", "3", "true"])
def test_a_value_of_another_kind_is_told(tmp_path: Path, key: str, value: str) -> None:
    known = {"verdict": "failed", "why": "x", "expires": "2027-01-01"} | {key: value}
    text = f"expect: [{{{', '.join(f'{name}: {word}' for name, word in known.items())}}}]\n"
    told = problems(tmp_path / "expect.yaml", text)
    assert all(each.startswith("1: ") for each in told)


def test_a_key_without_a_value_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    path = tmp_path / "expect.yaml"
    path.write_text("expect:\n- {verdict: failed, why: x, expires: 2027-01-01, mode: }\n")
    (found,) = read_expectations(path)
    assert found.modes == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1\n", "the file must be a mapping"),
        ("expect: {a: 1}\n", "expect must be a list"),
        ("", "the file is empty"),
        ("expect: [\n", ""),
        ("expect: [!!python/name:os.system {}]\n", "is not allowed"),
    ],
)
def test_what_is_no_file_of_expectations(tmp_path: Path, text: str, message: str) -> None:
    assert any(message in each for each in problems(tmp_path / "expect.yaml", text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MatrixError, match="there is no such file"):
        read_expectations(tmp_path / "absent.yaml")
