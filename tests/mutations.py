"""Damaged archives, made from real ones; run as a program it reads very many of them.

``python mutations.py FIRST COUNT FOLDER`` reads the mutations with the numbers from FIRST on, and
prints as JSON what they came to. A number always gives the same file.
"""

from __future__ import annotations

import io
import json
import random
import sys
import time
import traceback
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from archive_files import archives
from ckptmatrix.archive.read import read_checkpoint
from ckptmatrix.commands.inspect_report import print_reading
from ckptmatrix.sidecar import SidecarAnswer
from peak_memory import peak_mib

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.archive.reading import Reading

__all__ = ["mutated", "originals", "read_and_show"]

#: What a careless or a hostile writer puts where a number or an opcode is.
_EXTREMES = (
    b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f",
    b"\xff" * 8, b"\0\0\0\x80", b"\0" * 7 + b"\x80", b".", b"(", b"]", b"}", b"t", b"R", b"b", b"Q",
    b"\x94", b"q\0", b"cos\nsystem\n", b"\x8b\xff\xff\xff\x7f", b"PK\x03\x04", b"PK\x05\x06",
)  # fmt: skip


def originals() -> list[bytes]:
    """The files that mutations are made from."""
    paths = [archive.path for archive in archives()]
    files = [path for path in paths if path.is_file()]
    files += [path / ".metadata" for path in paths if path.is_dir()]
    return [path.read_bytes() for path in files]


def _flip(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 8)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def _drop(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.randint(1, 200)]


def _put(data: bytearray, chance: random.Random) -> None:
    what = chance.choice(_EXTREMES)
    start = chance.randrange(len(data))
    data[start : start + len(what)] = what


def _insert(data: bytearray, chance: random.Random) -> None:
    start = chance.randrange(len(data))
    data[start:start] = chance.choice(_EXTREMES) * chance.choice((1, 1, 1, 50, 2000))


def _copy(data: bytearray, chance: random.Random) -> None:
    start, length = chance.randrange(len(data)), chance.randint(1, 400)
    to = chance.randrange(len(data))
    data[to:to] = data[start : start + length]


def _number(data: bytearray, chance: random.Random) -> None:
    """Another length: most are in the directory of a zip archive, at its end, or in a header."""
    width = chance.choice((2, 4, 8))
    last = max(1, len(data) - width)
    start = chance.choice((chance.randrange(last), max(0, last - chance.randint(0, 300))))
    value = chance.choice((0, 1, len(data), len(data) + 1, chance.getrandbits(8 * width), -1))
    data[start : start + width] = (value % (1 << 8 * width)).to_bytes(width, "little")


def mutated(number: int, files: list[bytes]) -> bytes:
    """A damaged file."""
    chance = random.Random(number)  # noqa: S311 - the same number gives the same file
    ways: tuple[Callable[[bytearray, random.Random], None], ...] = (
        _flip, _flip, _cut, _drop, _put, _put, _insert, _copy, _number, _number,
    )  # fmt: skip
    data = bytearray(chance.choice(files))
    for _ in range(chance.randint(1, 4)):
        if data:
            chance.choice(ways)(data, chance)
    if chance.random() < 0.05:
        # The beginning of one, and the end of another.
        other = chance.choice(files)
        data = data[: chance.randrange(len(data) + 1)] + other[chance.randrange(len(other)) :]
    return bytes(data)


def read_and_show(path: Path) -> Reading:
    """Read a file and show it in both ways; what is shown must be fit for a terminal."""
    reading = read_checkpoint(path)
    assert json.loads(json.dumps(asdict(reading), allow_nan=False))
    shown = io.StringIO()
    console = Console(file=shown, width=200)
    print_reading(console, path, reading, SidecarAnswer(path=path), "", every_tensor=True)
    assert not [each for each in shown.getvalue() if not each.isprintable() and each != "\n"]
    shown.getvalue().encode()
    assert len(reading.defects) <= 100
    assert len(reading.tensors) <= reading.tensor_count
    return reading


def main(first: int, count: int, folder: Path) -> dict[str, Any]:
    """Read many."""
    files = originals()
    kinds: Counter[str] = Counter()
    failures: list[str] = []
    slowest = damaged = 0.0
    path = folder / "mutated"
    for number in range(first, first + count):
        path.write_bytes(mutated(number, files))
        began = time.process_time()
        try:
            reading = read_and_show(path)
        except Exception:  # noqa: BLE001 - each is to be counted and shown
            failures.append(f"{number}: {traceback.format_exc(limit=-3)}")
            continue
        slowest = max(slowest, time.process_time() - began)
        kinds[str(reading.format)] += 1
        damaged += bool(reading.defects or reading.incomplete)
    return {
        "kinds": kinds,
        "failures": failures[:5],
        "failed": len(failures),
        "slowest": slowest,
        "damaged": damaged,
        "peak_mib": peak_mib(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))))
