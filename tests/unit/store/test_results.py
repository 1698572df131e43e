from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ckptmatrix.errors import StoreError
from ckptmatrix.store.keys import digest
from ckptmatrix.store.results import ResultStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ckptmatrix.wire import Done, Facts

WRITER = """
import sys
from pathlib import Path
from ckptmatrix.store.keys import digest
from ckptmatrix.store.results import ResultStore
from ckptmatrix.wire import Done

with ResultStore(Path(sys.argv[1])) as store:
    for i in range(int(sys.argv[3])):
        value = {"who": sys.argv[2], "i": i, "filler": "x" * 3000}
        store.put_observation(digest(value), value)
        done = Done(event="done", task="t0", attempt=1, isolation="alone", result="returned",
                    stage="load", seconds=i, observation=digest(value))
        store.put_result(f"{sys.argv[2]}-{i}", [done])
        print(i, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[ResultStore]:
    with ResultStore(path) as store:
        yield store


def writer(path: Path, who: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), who, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_results_come_back_as_they_were_put(
    store: ResultStore, path: Path, done: Callable[..., Done]
) -> None:
    raised = {"type": "RuntimeError", "message": "no \x00 é"}
    attempts = (
        done(result="raised", exception=raised, warnings=[{"category": "W", "message": "w"}]),
        done(attempt=2, isolation="alone", tail="…" * 100, oom=True, signal=9),
    )
    store.put_result("k1", attempts)
    store.put_result("k2", attempts[:1])
    assert store.get_results(["k1", "none", "k1"]) == {"k1": attempts}
    store.put_result("k2", attempts)
    with ResultStore(path) as again:
        assert again.get_results(["k2", "k1"]) == {"k1": attempts, "k2": attempts}
        assert again.get_results([]) == {}
        assert again.note == ""


def test_an_observation_must_be_what_its_digest_says(store: ResultStore) -> None:
    value = {"b": [1.5, None, "é\ud800"], "a": {"z": -0.0, "y": 10**17}}
    store.put_observation(digest(value), value)
    store.put_observation(digest(value), value)
    assert store.get_observations([digest(value)]) == {digest(value): value}
    with pytest.raises(ValueError, match="not what its digest says"):
        store.put_observation("0" * 64, value)
    with pytest.raises(ValueError, match="JSON"):
        store.put_observation("0" * 64, {"nan": float("nan")})
    assert store.get_observations(["0" * 64]) == {}


def test_observations_in_bulk(store: ResultStore) -> None:
    values = {digest(value): value for value in ({"i": i} for i in range(2500))}
    for name, value in values.items():
        store.put_observation(name, value)
    assert store.get_observations([*values, "f" * 64]) == values


def test_facts(store: ResultStore, facts: Facts) -> None:
    assert store.get_facts("k") is None
    store.put_facts("k", facts)
    assert store.get_facts("k") == facts


def test_rows_that_cannot_be_read_count_as_absent(
    store: ResultStore, path: Path, done: Callable[..., Done], facts: Facts
) -> None:
    value = {"a": 1}
    store.put_result("k", [done()])
    store.put_result("good", [done()])
    store.put_observation(digest(value), value)
    store.put_facts("f", facts)
    other = sqlite3.connect(path)
    with other:
        other.execute("INSERT INTO results VALUES ('k2', x'5b5d2c5b5d')")
        other.execute("UPDATE results SET record = '[{\"event\": \"new\"}]' WHERE key = 'k'")
        other.execute("UPDATE observations SET body = x'0102'")
        other.execute("UPDATE cells SET facts = '{}'")
    other.close()
    assert store.get_results(["k", "k2", "good"]).keys() == {"good"}
    assert store.get_observations([digest(value)]) == {}
    assert store.get_facts("f") is None


def test_a_hundred_thousand_keys_are_looked_up_in_well_under_a_second(
    store: ResultStore, path: Path, done: Callable[..., Done]
) -> None:
    store.put_result(f"{0:064x}", [done(observation="a" * 64)])
    other = sqlite3.connect(path)
    with other:
        record = other.execute("SELECT record FROM results").fetchone()[0]
        other.executemany(
            "INSERT INTO results VALUES (?, ?)", ((f"{i:064x}", record) for i in range(1, 2_000))
        )
    other.close()
    keys = [f"{i:064x}" for i in range(100_000)]
    started = time.process_time()
    found = store.get_results(keys)
    assert time.process_time() - started < 1
    assert len(found) == 2_000


def test_threads_share_one_store(store: ResultStore, done: Callable[..., Done]) -> None:
    def put(who: int) -> None:
        for i in range(50):
            store.put_result(f"{who}-{i}", [done(seconds=i)])
            store.get_results([f"{who}-{i}"])

    threads = [threading.Thread(target=put, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    keys = [f"{who}-{i}" for who in range(4) for i in range(50)]
    assert len(store.get_results(keys)) == 200


def test_processes_that_start_with_no_file_and_write_at_once_lose_nothing(path: Path) -> None:
    running = [writer(path, who, 100) for who in ("a", "b", "c")]
    for process in running:
        process.communicate()
    assert [process.returncode for process in running] == [0, 0, 0]
    with ResultStore(path) as store:
        assert len(store.get_results([f"{who}-{i}" for who in "abc" for i in range(100)])) == 300


def test_what_was_written_before_a_kill_is_there_and_whole(path: Path) -> None:
    process = writer(path, "a", 100_000)
    assert process.stdout is not None
    for line in process.stdout:
        last = int(line)
        if last >= 60:
            break
    process.send_signal(signal.SIGKILL)
    last = max([last, *map(int, process.stdout.read().split("\n")[:-1])])
    process.wait()
    process.stdout.close()
    with ResultStore(path) as store:
        assert store.note == ""
        found = store.get_results([f"a-{i}" for i in range(100_000)])
        assert found.keys() >= {f"a-{i}" for i in range(last + 1)}
        named = {attempts[-1].observation or "" for attempts in found.values()}
        assert store.get_observations(named).keys() == named


def test_a_damaged_file_is_moved_aside_with_a_note(path: Path, done: Callable[..., Done]) -> None:
    path.write_bytes(b"this is not a database, it only has its name" * 100)
    with ResultStore(path) as store:
        assert "was damaged and was moved to results.sqlite.damaged-" in store.note
        store.put_result("k", [done()])
        assert store.get_results(["k"])
    kept = list(path.parent.glob("results.sqlite.damaged-*"))
    assert [file.read_bytes()[:7] for file in kept] == [b"this is"]


def test_damage_found_later_is_moved_aside_and_the_next_run_works(
    path: Path, done: Callable[..., Done]
) -> None:
    with ResultStore(path) as store:
        for i in range(2000):
            store.put_result(f"{i:064x}", [done()])
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 60] = b"\xff" * (4096 * 58)
    path.write_bytes(bytes(data))
    with ResultStore(path) as store, pytest.raises(StoreError, match=r"damaged.*\n    fix: run a"):
        store.get_results([f"{i:064x}" for i in range(2000)])
    with ResultStore(path) as store:
        assert store.get_results([f"{0:064x}"]) == {}
        store.put_result("k", [done()])


def test_a_newer_format_asks_for_an_upgrade(path: Path) -> None:
    ResultStore(path).close()
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 7")
    other.close()
    with pytest.raises(StoreError, match=r"format 7.*up to 1\n    fix: upgrade ckptmatrix"):
        ResultStore(path)
    assert list(path.parent.glob("*damaged*")) == []


def test_another_programs_database_is_left_alone(path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE bookmarks (url TEXT)")
    other.commit()
    before = other.execute("SELECT name FROM sqlite_master").fetchall()
    with pytest.raises(StoreError, match="not a database of ckptmatrix"):
        ResultStore(path)
    assert other.execute("SELECT name FROM sqlite_master").fetchall() == before
    other.close()


def test_a_folder_in_the_way_and_a_missing_folder_name_the_path(path: Path) -> None:
    with pytest.raises(StoreError, match=r"absent/results.sqlite: .*\n    fix: "):
        ResultStore(path.parent / "absent" / "results.sqlite")
    path.mkdir()
    with pytest.raises(StoreError, match=r"results.sqlite: .*\n    fix: "):
        ResultStore(path)
