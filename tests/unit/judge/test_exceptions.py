from __future__ import annotations

import pickletools
import string
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptmatrix.archive.reading import Format
from ckptmatrix.judge.exceptions import Meaning, classify, signatures
from ckptmatrix.judge.raised import raised
from ckptmatrix.wire import ExceptionRecord
from ckptmatrix.words import Reason, Stage

MESSAGES: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("messages.yaml").read_text(encoding="utf-8")
)
#: The first byte of a compressed file.
GZIP = 0x1F
OPCODES = {ord(opcode.code) for opcode in pickletools.opcodes}


def _file(row: dict[str, Any]) -> Format | None:
    """What the file was, where the words alone do not say what they mean."""
    return Format(row["file"]) if "file" in row else None


def _name(row: dict[str, Any]) -> str:
    words = " ".join(row["message"].split())[:60]
    return f"torch {row['torch']} {row['stage']}: {words}"


def _told(row: dict[str, Any]) -> tuple[str, str]:
    """Type and message as they are judged."""
    told = raised(ExceptionRecord(type=row["type"], message=row["message"]))
    return told.type, told.message


@pytest.mark.parametrize("row", MESSAGES, ids=_name)
def test_what_real_environments_said(row: dict[str, Any]) -> None:
    kind, message = _told(row)
    meaning = classify(kind, message, Stage(row["stage"]), _file(row))
    assert meaning == Meaning(Reason(row["reason"]), row["entity"])


@pytest.mark.parametrize("row", MESSAGES, ids=_name)
def test_no_message_matches_two_signatures_that_do_not_say_which_wins(row: dict[str, Any]) -> None:
    kind, message = _told(row)
    matching = [
        signature
        for signature in signatures()
        if signature.match(kind, message, Stage(row["stage"]), _file(row))
    ]
    for first, second in pairwise(matching):
        assert second.name in first.wins_over
    if matching:
        assert {signature.name for signature in matching[1:]} <= matching[0].wins_over


def test_every_signature_was_seen() -> None:
    seen = {
        next(
            (
                signature.name
                for signature in signatures()
                if signature.match(*_told(row), Stage(row["stage"]), _file(row))
            ),
            None,
        )
        for row in MESSAGES
    }
    assert {signature.name for signature in signatures()} <= seen


def test_signatures_are_well_formed() -> None:
    names = [signature.name for signature in signatures()]
    assert len(names) == len(set(names))
    for place, signature in enumerate(signatures()):
        assert signature.seen
        assert signature.wins_over <= set(names[place + 1 :]), signature.name


def test_reasons_known_from_messages() -> None:
    expected = {
        Reason.FORMAT_TOO_NEW,
        Reason.FORMAT_UNKNOWN,
        Reason.FORMAT_UNSUPPORTED,
        Reason.FILE_CORRUPT,
        Reason.MISSING_GLOBAL,
        Reason.MISSING_MODULE,
        Reason.SIGNATURE_MISMATCH,
        Reason.WEIGHTS_ONLY_REFUSED,
        Reason.IMPORT_REQUIRED,
        Reason.DEVICE_UNAVAILABLE,
        Reason.DEVICE_INDEX,
        Reason.DTYPE_UNKNOWN,
        Reason.PICKLE_PROTOCOL,
        Reason.MISSING_KEYS,
        Reason.UNEXPECTED_KEYS,
        Reason.SIZE_MISMATCH,
        Reason.LAYOUT_UNSUPPORTED,
        Reason.OUT_OF_MEMORY,
        Reason.SOURCE_MISSING,
        Reason.SOURCE_UNREADABLE,
        Reason.NOT_A_CHECKPOINT,
        Reason.NOT_A_STATE_DICT,
        Reason.NOT_A_MODULE,
        Reason.UNPICKLABLE,
        Reason.DISK_FULL,
    }
    assert {signature.reason for signature in signatures()} == expected


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        (Stage.SAVE, Reason.SAVE_ERROR),
        (Stage.LOAD, Reason.LOAD_ERROR),
        (Stage.OBSERVE, Reason.OBSERVE_ERROR),
        (Stage.FORWARD, Reason.FORWARD_ERROR),
        (Stage.RESUME, Reason.RESUME_ERROR),
    ],
)
def test_an_unknown_exception_is_its_stage_s(stage: Stage, reason: Reason) -> None:
    assert classify("mine.OddError", "something odd", stage) == (reason, "")


@pytest.mark.parametrize("stage", [Stage.SAVE, Stage.OBSERVE, Stage.FORWARD, Stage.RESUME])
def test_words_of_loading_mean_nothing_else_where(stage: Stage) -> None:
    message = "Can't get attribute 'Net' on <module '__main__' from 'x.py'>"
    assert classify("AttributeError", message, Stage.LOAD).reason is Reason.MISSING_GLOBAL
    assert classify("AttributeError", message, stage).reason is not Reason.MISSING_GLOBAL


@pytest.mark.parametrize(
    ("words", "reason", "entity"),
    [
        (["Missing", "Unexpected", "size"], Reason.MISSING_KEYS, "norm.weight"),
        (["Missing"], Reason.MISSING_KEYS, "norm.weight"),
        (["Unexpected", "size"], Reason.UNEXPECTED_KEYS, "head.bias"),
        (["size"], Reason.SIZE_MISMATCH, "encoder.weight"),
    ],
)
def test_an_error_with_several_faults_is_of_the_first(
    words: list[str], reason: Reason, entity: str
) -> None:
    parts = {
        "Missing": 'Missing key(s) in state_dict: "norm.weight", "norm.bias". ',
        "Unexpected": 'Unexpected key(s) in state_dict: "head.bias". ',
        "size": "size mismatch for encoder.weight: copying a param with shape torch.Size([5, 6]) "
        "from checkpoint, the shape in current model is torch.Size([7, 6]).",
    }
    said = "\n\t".join(["Error(s) in loading state_dict for Net:", *(parts[one] for one in words)])
    assert classify("RuntimeError", said, Stage.LOAD) == (reason, entity)


@pytest.mark.parametrize("stage", [Stage.LOAD, Stage.OBSERVE, Stage.FORWARD, Stage.RESUME])
def test_a_state_dict_is_no_module_wherever_it_is_used_as_one(stage: Stage) -> None:
    said = "'collections.OrderedDict' object has no attribute 'eval'"
    assert classify("AttributeError", said, stage).reason is Reason.NOT_A_MODULE
    other = "'collections.OrderedDict' object has no attribute 'optimizer'"
    assert classify("AttributeError", other, stage).reason is not Reason.NOT_A_MODULE


@pytest.mark.parametrize("stage", list(Stage))
def test_memory_runs_out_in_every_stage(stage: Stage) -> None:
    assert classify("MemoryError", "", stage).reason is Reason.OUT_OF_MEMORY
    assert classify("torch.cuda.OutOfMemoryError", "x", stage).reason is Reason.OUT_OF_MEMORY


@pytest.mark.parametrize("byte", range(256))
def test_bytes_the_restricted_unpickler_does_not_know(byte: int) -> None:
    message = f"Weights only load failed. x WeightsUnpickler error: Unsupported operand {byte}\n\n"
    text = set(map(ord, string.printable)) - set(map(ord, "\\\t\n\r\x0b\x0c"))
    entity = f"operand {byte}"
    if byte in OPCODES:
        expected = Reason.WEIGHTS_ONLY_REFUSED
    elif byte == GZIP:
        expected, entity = Reason.NOT_A_CHECKPOINT, "gzip"
    elif byte in text:
        expected = Reason.NOT_A_CHECKPOINT
    else:
        expected = Reason.FILE_CORRUPT
    meaning = classify("_pickle.UnpicklingError", message, Stage.LOAD)
    assert meaning == (expected, entity)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("PytorchStreamReader failed reading file data/0: file read failed", Reason.FILE_CORRUPT),
        (
            "Attempting to deserialize object on a CUDA device but CUDA is not there",
            Reason.DEVICE_UNAVAILABLE,
        ),
    ],
)
def test_what_restricted_loading_wraps_wins_over_the_wrapping(message: str, reason: Reason) -> None:
    # torch 1.13 to 2.3 put the advice before every RuntimeError.
    wrapped = f"Weights only load failed. Re-running `torch.load` with ... {message}"
    assert classify("_pickle.UnpicklingError", wrapped, Stage.LOAD).reason is reason


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (Format.TORCHSCRIPT, Reason.FORMAT_TOO_NEW),
        (Format.OTHER, Reason.FORMAT_UNKNOWN),
        (None, Reason.FORMAT_UNKNOWN),
    ],
)
def test_the_same_words_mean_something_else_of_another_file(
    file: Format | None, reason: Reason
) -> None:
    said = "[enforce fail at inline_container.cc:222] . file not found: archive/version"
    assert classify("RuntimeError", said, Stage.LOAD, file).reason is reason


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("_pickle.UnpicklingError", "invalid load key, '@'."),
        ("_pickle.UnpicklingError", "invalid load key, '\\x08'."),
        ("_pickle.UnpicklingError", "Weights only load failed. x Unsupported operand 8"),
        ("ValueError", "unsupported pickle protocol: 120"),
        ("IndexError", "pop from empty list"),
    ],
)
def test_the_length_of_a_header_may_be_any_instruction(kind: str, said: str) -> None:
    safetensors = classify(kind, said, Stage.LOAD, Format.SAFETENSORS)
    assert safetensors.reason is Reason.NOT_A_CHECKPOINT
    assert classify("MemoryError", "", Stage.LOAD, Format.SAFETENSORS).reason is (
        Reason.OUT_OF_MEMORY
    )


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=200), st.text(max_size=2_000), st.sampled_from(Stage))
def test_any_exception_has_a_meaning(kind: str, message: str, stage: Stage) -> None:
    meaning = classify(kind, message, stage)
    assert isinstance(meaning.reason, Reason)
    assert len(meaning.entity) <= 200
    assert meaning == classify(kind, message, stage)


@pytest.mark.parametrize("row", MESSAGES[::4], ids=_name)
def test_a_hostile_message_takes_no_time(row: dict[str, Any]) -> None:
    head = row["message"][: max(1, len(row["message"]) // 2)]
    for filling in (head, "'", " ", "a", "(", "``torch.", "file not found: a", "\n"):
        message = (head + filling * 20_000)[:20_000]
        began = time.process_time()
        classify(row["type"], message, Stage.LOAD)
        assert time.process_time() - began < 0.5
