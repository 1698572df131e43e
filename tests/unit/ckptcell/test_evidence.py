from __future__ import annotations

import errno
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from ckptcell import evidence
from ckptmatrix.wire import ExceptionRecord

if TYPE_CHECKING:
    from pathlib import Path


def record_of(error: BaseException) -> ExceptionRecord:
    return ExceptionRecord.model_validate(evidence.exception_record(error))


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    def throw() -> None:
        raise error from cause

    try:
        throw()
    except BaseException as caught:  # noqa: BLE001 - handed on
        return caught
    pytest.fail("it was raised")


def test_builtins_have_no_module() -> None:
    assert record_of(raised(KeyError("a"))).type == "KeyError"
    assert record_of(raised(KeyError("a"))).message == "'a'"


def test_others_have_theirs() -> None:
    kind = type("Mine", (Exception,), {"__module__": "m.n"})
    assert record_of(raised(kind())).type == "m.n.Mine"


def test_the_innermost_frames_are_told_without_the_machine() -> None:
    def down(depth: int) -> None:
        if depth:
            down(depth - 1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        down(50)
    traceback = record_of(caught.value).traceback
    assert traceback.count("test_evidence.py:") == 12
    assert not [line for line in traceback.splitlines() if line.startswith("/")]


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("/a/lib/python3.9/site-packages/torch/serialization.py", "torch/serialization.py"),
        ("/usr/lib/python3/dist-packages/torch/nn.py", "torch/nn.py"),
        ("/a/lib/python3.11/pickle.py", "pickle.py"),
        ("/a/lib/python3.11/json/decoder.py", "json/decoder.py"),
        ("/tmp/ckptcell-0123.pyz/ckptcell/cases/base.py", "ckptcell/cases/base.py"),  # noqa: S108 - a path in a traceback
        ("/somewhere/input/cases/ckptcell_user_mine.py", "ckptcell_user_mine.py"),
        ("/elsewhere/mine.py", "mine.py"),
        ("<string>", "<string>"),
    ],
)
def test_paths_are_those_every_machine_has(path: str, short: str) -> None:
    assert evidence._short_path(path) == short


def test_the_cause_is_told_as_the_interpreter_would() -> None:
    assert record_of(raised(ValueError(), KeyError("k"))).cause == "KeyError: 'k'"
    assert record_of(raised(ValueError())).cause == ""
    error = ValueError()
    error.__context__ = TypeError("during")
    assert record_of(error).cause == "TypeError: during"
    error.__suppress_context__ = True
    assert record_of(error).cause == ""


PLACE = "/job/input/0a1b/checkpoint.pt"
ENDING: dict[str, Any] = {
    "result": "raised",
    "seconds": 1.5,
    "exception": {
        "type": "RuntimeError",
        "message": f"unable to mmap 9 bytes from file <{PLACE}>: {PLACE}.folder/.metadata",
        "traceback": "serialization.py:1 in load",
        "cause": f"OSError: [Errno 5] Input/output error: '{PLACE}'",
    },
    "detail": f"{PLACE} is gone, /job/input/0a1bc/other is not",
    "warnings": [{"category": "UserWarning", "message": f"'{PLACE}' is old"}],
    "tail": f"{PLACE}: {PLACE}\n",
    "observation": {"value": PLACE},
}


def test_files_are_named_without_the_folder_of_the_job() -> None:
    assert evidence.without_folders(ENDING, [PLACE]) == {
        "exception": {
            "type": "RuntimeError",
            "message": "unable to mmap 9 bytes from file <checkpoint.pt>: "
            "checkpoint.pt.folder/.metadata",
            "traceback": "serialization.py:1 in load",
            "cause": "OSError: [Errno 5] Input/output error: 'checkpoint.pt'",
        },
        "detail": "checkpoint.pt is gone, /job/input/0a1bc/other is not",
        "warnings": [{"category": "UserWarning", "message": "'checkpoint.pt' is old"}],
        "tail": "checkpoint.pt: checkpoint.pt\n",
    }


def test_an_ending_without_an_exception_stays_without_one() -> None:
    paths = [PLACE, "/job/output/1/saved.pt"]
    told = evidence.without_folders({"exception": None, "detail": "", "warnings": []}, paths)
    assert told == {"exception": None, "detail": "", "warnings": []}


def test_a_folder_reached_through_a_link_is_not_named_either(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "there")
    said = {"detail": f"{tmp_path}/here/a.pt {tmp_path.resolve()}/there/a.pt"}
    assert evidence.without_folders(said, [f"{tmp_path}/here/a.pt"]) == {"detail": "a.pt a.pt"}


def test_a_hostile_exception_is_recorded_all_the_same() -> None:
    class Hostile(Exception):  # noqa: N818 - its name does not matter
        def __str__(self) -> str:
            raise RecursionError

    record = record_of(raised(Hostile()))
    assert record.message == "<Hostile whose text cannot be had>"


def test_long_messages_are_bounded() -> None:
    record = record_of(raised(ValueError("x" * 100_000), ValueError("y" * 100_000)))
    assert len(record.message) == 20_000
    assert len(record.cause) == 2_000


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "no"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: can't allocate memory"
        ),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("unable to mmap 64 bytes from file <x>: Cannot allocate memory (12)"),
        type("OutOfMemoryError", (RuntimeError,), {})("no"),
        raised(RuntimeError("loading failed"), MemoryError()),
        "terminate called after throwing an instance of 'std::bad_alloc'",
    ],
)
def test_memory_that_ran_out_is_recognised(error: BaseException | str) -> None:
    assert evidence.out_of_memory(error)


def test_other_errors_are_not_out_of_memory() -> None:
    loop = ValueError("memory format")
    loop.__cause__ = TypeError()
    loop.__cause__.__cause__ = loop
    assert not evidence.out_of_memory(loop)
    assert not evidence.out_of_memory(OSError(errno.ENOENT, "no"))


def test_warnings_are_collected_once_each_and_bounded() -> None:
    with evidence.Warnings() as heard:
        for number in range(300):
            warnings.warn("again", FutureWarning, stacklevel=1)
            warnings.warn(f"number {number}", UserWarning, stacklevel=1)
            warnings.warn("file left open", ResourceWarning, stacklevel=1)
    assert len(heard.records) == 100
    assert heard.records[0] == {"category": "FutureWarning", "message": "again"}
    assert [record["message"] for record in heard.records].count("again") == 1
    assert "ResourceWarning" not in {record["category"] for record in heard.records}


def test_warnings_are_what_they_were_afterwards() -> None:
    shown, filters = warnings.showwarning, list(warnings.filters)
    with evidence.Warnings():
        warnings.warn("heard", UserWarning, stacklevel=1)
    assert warnings.showwarning is shown
    assert list(warnings.filters) == filters
