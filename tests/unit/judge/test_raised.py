"""What was raised in the first place."""

from __future__ import annotations

import pytest

from ckptmatrix.judge.raised import raised
from ckptmatrix.wire import ExceptionRecord

RANKS = """\
CheckpointException ranks:dict_keys([0, 1])
Traceback (most recent call last): (RANK 0)
  File "/env/torch/distributed/checkpoint/utils.py", line 192, in reduce
    local_data = map_fun()
                 ^^^^^^^^^
{first}
Traceback (most recent call last): (RANK 1)
  File "/env/torch/distributed/checkpoint/utils.py", line 192, in reduce
    local_data = map_fun()
ValueError: of the second rank
"""


def of_ranks(first: str) -> ExceptionRecord:
    name = "torch.distributed.checkpoint.api.CheckpointException"
    return ExceptionRecord(type=name, message=RANKS.format(first=first))


def test_the_first_rank_counts() -> None:
    told = raised(of_ranks("ModuleNotFoundError: No module named 'pathlib._local'"))
    assert (told.type, told.message) == ("ModuleNotFoundError", "No module named 'pathlib._local'")


def test_words_may_have_many_lines() -> None:
    told = raised(of_ranks("torch.serialization.Refused: one\ntwo: three"))
    assert (told.type, told.message) == ("torch.serialization.Refused", "one\ntwo: three")


def test_an_assertion_of_a_rank_is_told_by_its_source() -> None:
    first = "    assert metadata is not None\n           ^^^^^^^^^^^^^^^^^^^^\nAssertionError"
    assert raised(of_ranks(first)).message == "assert metadata is not None"


@pytest.mark.parametrize(
    ("message", "kind", "told"),
    [
        (
            "No module named 'pathlib._local'; 'pathlib' is not a package",
            "ModuleNotFoundError",
            "No module named 'pathlib._local'; 'pathlib' is not a package",
        ),
        ("[Errno 2] No such file or directory: '/f/.metadata'", "FileNotFoundError", ""),
        ("too many values to unpack (expected 5)", "ValueError", ""),
        ("something else", "AssertionError", ""),
    ],
)
def test_why_metadata_was_not_read(message: str, kind: str, told: str) -> None:
    words = (
        f"metadata is None; global metadata read failed: {message}; rank local metadata read "
        "failed: [Errno 2] No such file or directory: '/f/__0.metadata'"
    )
    found = raised(ExceptionRecord(type="AssertionError", message=words))
    assert (found.type, found.message) == (kind, told or message)


def test_an_assertion_without_words_is_told_by_its_source() -> None:
    frames = "torch/cuda/amp/grad_scaler.py:139 in scale\n    assert outputs.is_cuda"
    bare = ExceptionRecord(type="AssertionError", message="", traceback=frames)
    assert raised(bare).message == "assert outputs.is_cuda"


@pytest.mark.parametrize(
    ("kind", "message", "traceback"),
    [
        ("AssertionError", "", ""),
        ("AssertionError", "with words", "x.py:1 in f\n    assert False"),
        ("AssertionError", "", "x.py:1 in f\n    raise AssertionError"),
        ("CheckpointException", "of no rank", ""),
        ("CheckpointException", "Traceback (most recent call last): (RANK 0)\n\x00", ""),
        ("ValueError", RANKS.format(first="KeyError: 1"), ""),
    ],
)
def test_others_stay_as_they_are(kind: str, message: str, traceback: str) -> None:
    record = ExceptionRecord(type=kind, message=message, traceback=traceback)
    assert raised(record) == record
