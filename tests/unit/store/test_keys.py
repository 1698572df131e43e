from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ckptmatrix.store.keys import (
    LoadKey,
    SaveKey,
    canonical,
    digest,
    environment_digest,
)
from ckptmatrix.wire import Facts, Limits, Package
from ckptmatrix.words import Mode

if TYPE_CHECKING:
    import random

SAVE: dict[str, Any] = {
    "environment": "e" * 64,
    "case": "c" * 64,
    "observer": "o" * 64,
    "device": "cpu",
    "limits": Limits(),
    "timeout_s": 60.0,
}
LOAD: dict[str, Any] = SAVE | {"checkpoint": "f" * 64, "mode": Mode.PLAIN}
CHANGES: dict[str, Any] = {
    "environment": "0" * 64,
    "case": "0" * 64,
    "observer": "0" * 64,
    "device": "cuda:0",
    "limits": Limits(memory_bytes=16_000_000),
    "timeout_s": 61.0,
    "checkpoint": "0" * 64,
    "mode": Mode.TRUSTED,
}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), JSON), st.randoms())
def test_a_digest_does_not_depend_on_the_order_of_keys(
    value: dict[str, Any], source: random.Random
) -> None:
    items = list(value.items())
    source.shuffle(items)
    assert digest(dict(items)) == digest(value)
    assert canonical(value).isascii()
    assert b"\n" not in canonical(value)


def test_canonical_form_is_the_one_cells_write() -> None:
    assert canonical({"b": [1.5, None], "a": "é"}) == b'{"a":"\\u00e9","b":[1.5,null]}'
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("inf"))


def test_every_part_counts() -> None:
    assert len(SaveKey(**SAVE).digest) == 64
    assert SaveKey(**SAVE).digest == SaveKey(**SAVE).digest
    keys = [SaveKey(**SAVE), *(SaveKey(**SAVE | {name: CHANGES[name]}) for name in SAVE)]
    keys += [LoadKey(**LOAD), *(LoadKey(**LOAD | {name: CHANGES[name]}) for name in LOAD)]
    assert len({key.digest for key in keys}) == len(keys)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(["NumPy", "torch", "typing_extensions", "zope.interface"]), st.data())
def test_equal_environments_have_equal_digests(
    facts: Facts, names: list[str], data: st.DataObject
) -> None:
    def spelled(name: str) -> str:
        separator = data.draw(st.sampled_from("-_."))
        return name.replace("_", separator).replace(".", separator)

    packages = tuple(Package(name=spelled(name).lower(), version="1") for name in names)
    plain = [Package(name=name, version="1") for name in sorted(names)]
    here = facts.model_copy(update={"packages": tuple(plain)})
    there = facts.model_copy(
        update={
            "packages": packages,
            "executable": data.draw(st.text()),
            "processor": data.draw(st.text()),
            "cpu_count": data.draw(st.integers(0, 1000)),
        }
    )
    assert environment_digest(here) == environment_digest(there)


@pytest.mark.parametrize(
    "change",
    [
        {"python": "3.11.8"},
        {"implementation": "PyPy"},
        {"torch": "2.6.0+cpu"},
        {"torch_git": "abd"},
        {"torch_cuda": "12.4"},
        {"torch_hip": "6.2"},
        {"numpy": None},
        {"packages": (Package(name="scipy", version="1"),)},
        {"libc": "musl 1.2"},
        {"machine": "aarch64"},
        {"platform": "Linux-6.2"},
        {"byteorder": "big"},
        {"gpus": ("NVIDIA H100",)},
        {"gpu_arches": ("sm_90",)},
    ],
)
def test_what_can_change_a_result_changes_the_digest(facts: Facts, change: dict[str, Any]) -> None:
    assert environment_digest(facts.model_copy(update=change)) != environment_digest(facts)


def test_parts_have_names() -> None:
    parts = LoadKey(**LOAD).parts
    assert parts.keys() == LOAD.keys() | {"kind", "generation"}
    assert (parts["kind"], parts["mode"], parts["limits"]) == (
        *("load", "plain", Limits().model_dump(mode="json")),
    )
    assert SaveKey(**SAVE).parts.keys() == SAVE.keys() | {"kind", "generation"}
