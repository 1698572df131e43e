"""Readings of checkpoints in the database are kept whole, or count as not there."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from typing import TYPE_CHECKING

from ckptmatrix.archive.reading import (
    Call,
    Danger,
    Format,
    Global,
    Reading,
    Requirement,
    State,
    StorageEntry,
    TensorEntry,
)
from ckptmatrix.store import ResultStore

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = Reading(
    format=Format.ZIP,
    bytes=1_000,
    defects=("cut off",),
    protocol=2,
    opcodes=("BINFLOAT",),
    byteorder="little",
    version="3",
    root="dict",
    keys=("a", "b"),
    globals=(Global(module="torch", name="FloatStorage", count=2),),
    calls=(Call(dotted="torch._utils._rebuild_tensor_v2", arguments=6, shape=(3, -1)),),
    states=(State(dotted="torch.nn.Linear", attributes=("training",)),),
    storages=(StorageEntry(key="0", dtype="bytes", device="cpu", bytes=4, present=None),),
    tensors=(TensorEntry(path="", dtype="torch.float32", shape=(2, 2), layout="torch.sparse_coo"),),
    requirements=(Requirement(of="torch", at_least="1.6"),),
    dangers=(Danger(what="posix.system", why="runs", level="code"),),
    details={"layout": "archive"},
)


def test_a_reading_comes_back_as_it_was(tmp_path: Path) -> None:
    with ResultStore(tmp_path / "r.sqlite") as store:
        store.put_reading("k", WHOLE)
        store.put_reading("small", Reading(format=Format.EMPTY, bytes=0))
    with ResultStore(tmp_path / "r.sqlite") as store:
        found = store.get_readings(["k", "small", "unknown"])
    assert found == {"k": WHOLE, "small": Reading(format=Format.EMPTY, bytes=0)}


def test_a_reading_that_is_none_counts_as_not_there(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with ResultStore(path) as store:
        store.put_reading("good", WHOLE)
        for key in ("bytes", "json"):
            store.put_reading(key, WHOLE)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE readings SET body = x'00' WHERE key = 'bytes'")
        connection.execute(
            "UPDATE readings SET body = ? WHERE key = 'json'",
            (zlib.compress(b'{"format": "zip", "bytes": "many"}'),),
        )
        connection.commit()
    with ResultStore(path) as store:
        assert set(store.get_readings(["good", "bytes", "json"])) == {"good"}


def test_a_reading_with_half_a_character_is_not_kept(tmp_path: Path) -> None:
    with ResultStore(tmp_path / "r.sqlite") as store:
        store.put_reading("k", Reading(format=Format.ZIP, bytes=1, keys=("\ud800",)))
        assert store.get_readings(["k"]) == {}


def test_a_database_of_before_is_given_room_for_readings(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with ResultStore(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE readings")
        connection.commit()
    with ResultStore(path) as store:
        store.put_reading("k", WHOLE)
        assert store.get_readings(["k"]) == {"k": WHOLE}
