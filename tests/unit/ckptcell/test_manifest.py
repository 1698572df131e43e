from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptcell import manifest
from ckptcell.errors import ManifestError
from ckptmatrix import wire
from ckptmatrix.words import Mode, Phase

DIGESTS = st.none() | st.text("0123456789abcdef", min_size=64, max_size=64)
PATHS = st.lists(st.text("abc._-é", min_size=1).filter(lambda part: part != ".."), min_size=1).map(
    "/".join
)


@st.composite
def manifests(draw: st.DrawFn) -> wire.Manifest:
    phase = draw(st.sampled_from(Phase))
    ids = draw(st.lists(st.text("abc019", min_size=1, max_size=5), unique=True, max_size=4))
    model = draw(st.none() | st.just(wire.Model(path="model", module="mine.net", factory="make")))
    sources = st.none() | st.builds(
        wire.Source,
        path=PATHS,
        sha256=st.just("a" * 64),
        mode=st.sampled_from(Mode),
        container=st.sampled_from(("zip", "legacy")),
    )
    tasks = [
        wire.Task(
            id=task,
            source=draw(sources) if phase is Phase.SAVE else None,
            fit=draw(st.booleans()) if phase is Phase.LOAD and model is not None else False,
            case=draw(st.text(max_size=10)),
            mode=None if phase is Phase.SAVE else draw(st.sampled_from(Mode)),
            path=draw(PATHS),
            sha256=draw(DIGESTS),
            like=draw(DIGESTS),
            timeout_s=draw(st.floats(0.01, 86_400)),
        )
        for task in ids
    ]
    return wire.Manifest(
        phase=phase,
        device=draw(st.sampled_from(("cpu", "cuda:0", "cuda:12", "mps"))),
        user_cases=(wire.UserCases(module="ckptcell_user_mine", path=draw(PATHS)),),
        model=model,
        tasks=() if phase is Phase.PROBE else tuple(tasks),
        limits=wire.Limits(
            memory_bytes=draw(st.integers(16_000_000, 1 << 45)), grace_s=draw(st.floats(0.1, 60))
        ),
        repeat=draw(st.booleans()),
    )


def _plain(task: manifest.Task) -> dict[str, Any]:
    source = None if task.source is None else dict(task.source._asdict())
    return dict(task._asdict()) | {"source": source}


@given(manifests())
def test_what_the_orchestrator_sends_is_understood(sent: wire.Manifest) -> None:
    read = manifest.parse(sent.model_dump_json().encode())
    assert read.phase == sent.phase
    assert read.device == sent.device
    assert read.repeat == sent.repeat
    assert [_plain(task) for task in read.tasks] == [task.model_dump() for task in sent.tasks]
    assert (read.model and dict(read.model._asdict())) == (sent.model and sent.model.model_dump())
    assert [tuple(cases) for cases in read.user_cases] == [
        (cases.module, cases.path) for cases in sent.user_cases
    ]
    assert dict(read.limits._asdict()) == sent.limits.model_dump()


def test_what_is_left_out_has_the_orchestrators_defaults() -> None:
    read = manifest.parse(b'{"protocol":1,"phase":"probe"}')
    assert dict(read.limits._asdict()) == wire.Limits().model_dump()
    assert (read.device, read.tasks, read.repeat) == ("cpu", (), False)


TASK = {"id": "a", "case": "x", "mode": "plain", "path": "p"}
SAVE = {**TASK, "mode": None}
SOURCE = {"path": "p", "sha256": "a" * 64, "mode": "plain"}
MODEL = {"path": "model", "module": "mine", "factory": "make"}
WRONG: list[tuple[object, str]] = [
    ([], "not an object"),
    ("text", "not an object"),
    (None, "not an object"),
    ({"protocol": 2}, "protocol 2"),
    ({}, "protocol None"),
    ({"phase": "judge"}, "phase cannot be 'judge'"),
    ({"phase": None}, "phase cannot be None"),
    ({"surprise": 1}, "'surprise'"),
    ({"device": "cpu; rm"}, "device cannot be"),
    ({"repeat": 1}, "repeat cannot be 1"),
    ({"tasks": {}}, "tasks cannot be"),
    ({"tasks": [1]}, "task 0 is not an object"),
    ({"tasks": [{"id": "a"}]}, "task 0 has no case"),
    ({"tasks": [TASK, TASK]}, "same id"),
    ({"tasks": [{**TASK, "id": "A"}]}, "id cannot be 'A'"),
    ({"tasks": [{**TASK, "id": "a\n"}]}, "id cannot be"),
    ({"tasks": [{**TASK, "mode": "best"}]}, "mode cannot be 'best'"),
    ({"tasks": [{**TASK, "mode": None}]}, "does not belong in a load job"),
    ({"phase": "save", "tasks": [TASK]}, "does not belong in a save job"),
    ({"phase": "probe", "tasks": [TASK]}, "does not belong in a probe job"),
    ({"tasks": [{**TASK, "path": "/etc/passwd"}]}, "path cannot be"),
    ({"tasks": [{**TASK, "path": "a/../../b"}]}, "path cannot be"),
    ({"tasks": [{**TASK, "path": ""}]}, "path cannot be"),
    ({"tasks": [{**TASK, "path": "a\0"}]}, "path cannot be"),
    ({"tasks": [{**TASK, "sha256": "ABC"}]}, "sha256 cannot be"),
    ({"tasks": [{**TASK, "timeout_s": 0}]}, "timeout_s cannot be 0"),
    ({"tasks": [{**TASK, "timeout_s": True}]}, "timeout_s cannot be True"),
    ({"tasks": [{**TASK, "timeout_s": float("inf")}]}, "timeout_s cannot be inf"),
    ({"tasks": [{**TASK, "timeout_s": float("nan")}]}, "timeout_s cannot be nan"),
    ({"limits": {"memory_bytes": -1}}, "memory_bytes cannot be -1"),
    ({"limits": {"grace_s": "2"}}, "grace_s cannot be '2'"),
    ({"limits": {"cores": 2}}, "'cores'"),
    ({"user_cases": [{"module": "os", "path": "a"}]}, "module cannot be 'os'"),
    ({"tasks": [{**TASK, "source": SOURCE}]}, "what a load job cannot do"),
    ({"tasks": [{**TASK, "fit": True}]}, "what a load job cannot do"),
    ({"phase": "save", "model": MODEL, "tasks": [{**SAVE, "fit": True}]}, "a save job cannot do"),
    ({"phase": "save", "tasks": [{**SAVE, "source": {**SOURCE, "path": "../x"}}]}, "source of"),
    ({"phase": "save", "tasks": [{**SAVE, "source": {**SOURCE, "mode": None}}]}, "mode cannot"),
    ({"phase": "save", "tasks": [{**SAVE, "source": {**SOURCE, "container": "x"}}]}, "container"),
    ({"model": {**MODEL, "module": "a;b"}}, "module cannot be 'a;b'"),
    ({"model": {**MODEL, "path": "/etc"}}, "path cannot be"),
    ({"model": {"path": "model", "module": "mine"}}, "the model has no factory"),
]


def whole(part: object) -> Any:
    if isinstance(part, dict) and part and "protocol" not in part:
        return {"protocol": 1, "phase": "load", **part}
    return part


@pytest.mark.parametrize(("part", "said"), WRONG)
def test_what_is_not_understood_is_named(part: object, said: str) -> None:
    with pytest.raises(ManifestError) as refusal:
        manifest.parse(json.dumps(whole(part)).encode())
    assert said in str(refusal.value)


@pytest.mark.parametrize("line", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_refused(line: bytes) -> None:
    with pytest.raises(ManifestError, match="not JSON"):
        manifest.parse(line)
