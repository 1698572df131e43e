"""Files that are made to cost their reader much: an answer within bounded time and memory."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import hostile_files as hostile
import peak_memory

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds of processor time on a slow machine, and MiB with the program's own 35.
SLOWEST, LARGEST = 6.0, 300

PROGRAM = """\
import json, sys, time
from pathlib import Path
from ckptmatrix.archive.read import read_checkpoint
from peak_memory import peak_mib
began = time.process_time()
reading = read_checkpoint(Path(sys.argv[1]))
print(json.dumps({
    "seconds": time.process_time() - began,
    "mib": peak_mib(),
    "said": [*reading.defects, reading.incomplete, *(each.why for each in reading.dangers)],
    "format": reading.format,
}))
"""
TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000"
    b"X\x03\0\0\0cpuK\x04tQK\0K\x02K\x02\x86K\x02K\x01\x86\x89NtRq\x01"
)


def index(number: int) -> bytes:
    return struct.pack("<L", number)


def doubling(call: bytes, *, parts: int) -> bytes:
    """Tensors made of tensors, each of the one before, several times."""
    made = [b"\x80\x02" + TENSOR + b"0"]
    for number in range(2, 60):
        before = b"j" + index(number - 1)
        made.append(call % (before * parts) + b"Rr" + index(number) + b"0")
    return b"".join(made) + b"j" + index(59) + b"."


def laughs() -> bytes:
    lists = (
        b"]r" + index(number) + b"(" + (b"j" + index(number - 1)) * 10 + b"e"
        for number in range(1, 200)
    )
    return b"\x80\x02]q\0" + b"".join(lists) + b"."


def bomb(name: str, data: bytes, times: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open(f"archive/{name}", "w") as record:
            for _ in range(times):
                record.write(data)
        if name != "data.pkl":
            archive.writestr("archive/data.pkl", b"\x80\x02N.")
        archive.writestr("archive/version", "3\n")
    return made.getvalue()


def many_entries() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number in range(70_000):
            archive.writestr(f"archive/data/{number}", b"x")
        archive.writestr("archive/data.pkl", b"\x80\x02N.")
        archive.writestr("archive/version", "3\n")
    return made.getvalue()


def local_header(flags: int) -> bytes:
    return struct.pack("<4sHHHHHLLLHH", b"PK\3\4", 0, flags, 0, 0, 0, 0, 0, 0, 1, 0) + b"a"


def same_place() -> bytes:
    """One record of many bytes under very many names."""
    data = bytes(1 << 20)
    first = local_header(0) + data
    fields = (b"PK\1\2", 0, 0, 0, 0, 0, 0, 0, len(data), len(data), 1, 0, 0, 0, 0, 0, 0)
    entry = struct.pack("<4sHHHHHHLLLHHHHHLL", *fields) + b"a"
    count = 60_000
    end = struct.pack(
        "<4sHHHHLLH", b"PK\5\6", 0, 0, count, count, len(entry) * count, len(first), 0
    )
    return first + entry * count + end


def header(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def inner() -> bytes:
    """One checkpoint inside, loaded over and over."""
    inside = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02]." + (
        b"\x80\x02](" + b"N" * 100_000 + b"e."
    )
    call = b"ctorch.storage\n_load_from_bytes\nB" + struct.pack("<L", len(inside)) + inside
    again = b"ctorch.storage\n_load_from_bytes\nh\0\x85R0"
    return b"\x80\x03" + call + b"q\0\x85R0" + again * 100_000 + b"]."


def code_bomb() -> bytes:
    """A program with very much code, packed."""
    code = {f"a/code/{number}.py": b"x" * (8 << 20) for number in range(100)}
    return hostile.zip_of(
        {
            "a/data.pkl": b"\x80\x02N.",
            "a/constants.pkl": b"\x80\x02).",
            "a/version": b"3\n",
            **code,
        },
        zipfile.ZIP_DEFLATED,
    )


def program_bomb(text: bytes) -> bytes:
    """A program of many models."""
    models = {f"p/models/{number}.json": text for number in range(20)}
    return hostile.zip_of({"p/archive_format": b"pt2", **models}, zipfile.ZIP_DEFLATED)


def archives_in_a_program() -> bytes:
    """A program with many archives of much data."""
    inside = hostile.zip_of(
        {"a/data.pkl": hostile.PLAIN, "a/data/0": bytes(60 << 20)}, zipfile.ZIP_DEFLATED
    )
    records = {f"p/data/constants/{number}.pt": inside for number in range(50)}
    return hostile.zip_of({"p/archive_format": b"pt2", **records})


def same_pieces(folder: Path) -> None:
    """A folder that has one archive of many entries very many times, and many pieces."""
    many = {f"a/{number}": b"" for number in range(3000)}
    inside = hostile.zip_of({"a/data.pkl": hostile.PLAIN, **many})
    hostile.write_dcp(folder, [hostile.saved(hostile.TENSOR)] * 15_000 + [inside])
    before = 15_000 * len(hostile.saved(hostile.TENSOR))
    places = [
        hostile.info("__0_0.distcp", number * len(hostile.saved(hostile.TENSOR)), 1 << 62)
        for number in range(100)
    ]
    places += [hostile.info("__0_0.distcp", before, len(inside) - number) for number in range(500)]
    size = len(hostile.saved(hostile.TENSOR))
    places += [hostile.info("__0_0.distcp", number * size, size) for number in range(15_000)]
    (folder / ".metadata").write_bytes(hostile.metadata(places))


FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "nested lists": (lambda: b"\x80\x02" + b"]" * 1_000_000 + b"a" * 999_999 + b".", "deeper"),
    "nested marks": (lambda: b"\x80\x02" + b"(" * 1_000_000 + b"l" * 999_999 + b".", ""),
    "nested tuples": (lambda: b"\x80\x02N" + b"\x85" * 2_000_000 + b".", "deeper"),
    "more nested tuples": (lambda: b"\x80\x02N" + b"\x85" * 5_000_000 + b".", "opcodes"),
    "dicts": (lambda: b"\x80\x02" + b"}" * 5_000_000 + b".", "opcodes"),
    "items": (lambda: b"\x80\x04" + b"}NNs" * 2_000_000 + b".", "opcodes"),
    "memo": (lambda: b"\x80\x04" + b"]\x94" * 2_500_000 + b".", "opcodes"),
    "names": (
        lambda: b"\x80\x02" + b"".join(b"cm%d\nn%d\n0" % (i, i) for i in range(500_000)) + b"N.",
        "different names",
    ),
    "calls": (
        lambda: b"\x80\x02" + b"".join(b"cm\nn%d\n)R0" % i for i in range(300_000)) + b"N.",
        "different names",
    ),
    "texts": (
        lambda: b"\x80\x04" + (b"X" + index(4088) + "\U0001f600".encode() * 1022) * 15_000 + b".",
        "text",
    ),
    "laughs": (laughs, ""),
    "references to a tensor": (
        lambda: b"\x80\x02](" + TENSOR + b"h\x01" * 2_000_000 + b"e.",
        "",
    ),
    "sparse tensors of sparse tensors": (
        lambda: doubling(b"ctorch._utils\n_rebuild_sparse_tensor\n(N(%btt", parts=7),
        "",
    ),
    "parameters of parameters": (
        lambda: doubling(b"ctorch._utils\n_rebuild_parameter\n(%b\x88Nt", parts=1),
        "",
    ),
    "checkpoints inside": (inner, ""),
    "a pickle that unpacks to much": (
        lambda: bomb("data.pkl", b"N0" * (1 << 20), 200),
        "opcodes",
    ),
    "a storage that unpacks to much": (lambda: bomb("data/0", bytes(1 << 20), 1000), "zip bomb"),
    "many entries": (many_entries, ""),
    "entries without a directory": (lambda: local_header(0) * 300_000, "no directory"),
    "ends of entries": (lambda: local_header(8) + b"PK\7\x08" * 10_000_000, "no directory"),
    "entries in the same place": (same_place, ""),
    "a long header": (lambda: header(b'{"a":' + b"[" * 90_000_000), "header"),
    "a deep header": (lambda: header(b'{"a":' + b"[" * 7_000_000), "JSON"),
    "a header of many tensors": (
        lambda: header(
            b"{"
            + b",".join(
                b'"%d":{"dtype":"F32","shape":[],"data_offsets":[0,4]}' % i for i in range(140_000)
            )
            + b"}"
        ),
        "cut off",
    ),
    "a line without an end": (lambda: b"(V" + b"\x01" * 100_000_000, ""),
    "code that unpacks to much": (code_bomb, "unpack to more"),
    "models that unpack to much": (
        lambda: program_bomb(b"[" + b"[]," * 2_700_000 + b"[]]"),
        "has 8,",
    ),
    "models that unpack to one long text": (
        lambda: program_bomb(b'"' + b"x" * 8_000_000 + b'"'),
        "has 8,",
    ),
    "archives in a program": (archives_in_a_program, ""),
    "zero bytes": (lambda: bytes(100_000_000), "zero bytes"),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.timeout(600)
def test_an_answer_within_bounds(kind: str, tmp_path: Path) -> None:
    make, says = FILES[kind]
    path = tmp_path / "hostile"
    path.write_bytes(make())
    look(path, says)


@pytest.mark.timeout(600)
def test_an_answer_about_a_folder_within_bounds(tmp_path: Path) -> None:
    same_pieces(tmp_path / "hostile")
    look(tmp_path / "hostile", "")


def look(path: Path, says: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, path],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(peak_memory.__file__).parent)},
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    answer: dict[str, Any] = json.loads(ended.stdout)
    assert answer["seconds"] < SLOWEST
    assert answer["mib"] < LARGEST
    assert any(says in said for said in answer["said"]) or not says, answer
