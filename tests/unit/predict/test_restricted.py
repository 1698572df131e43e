"""What restricted loading takes: names, opcodes, states, formats, and which load is restricted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ckptmatrix.archive.reading import UNNAMED, Format, State
from ckptmatrix.words import Mode, Reason
from readings import LINEAR, STATE_DICT

if TYPE_CHECKING:
    from readings import File, Told


def test_the_first_format_is_read_and_not_by_restricted_loading(file: File, told: Told) -> None:
    tar = file(format=Format.TAR)
    assert told(tar, "2.5.1", Mode.PLAIN).reason is None
    assert told(tar, "2.6.0", Mode.PLAIN).reason is Reason.WEIGHTS_ONLY_REFUSED
    assert told(tar, "2.6.0", Mode.TRUSTED).reason is None


def test_torchscript_is_no_file_for_restricted_loading(file: File, told: Told) -> None:
    script = file(format=Format.TORCHSCRIPT, version="1")
    assert told(script, "1.4.0", Mode.TRUSTED).reason is Reason.MISSING_MODULE
    assert told(script, "2.6.0", Mode.RESTRICTED).reason is Reason.WEIGHTS_ONLY_REFUSED
    assert told(script, "2.6.0", Mode.MAPPED).reason is None
    assert told(script, "2.6.0", Mode.TRUSTED).reason is None


@pytest.mark.parametrize(
    ("name", "torch", "reason"),
    [
        (LINEAR, "2.6.0", Reason.WEIGHTS_ONLY_REFUSED),
        (LINEAR, "1.13.1", Reason.WEIGHTS_ONLY_REFUSED),
        ("collections.Counter", "2.3.1", Reason.WEIGHTS_ONLY_REFUSED),
        ("collections.Counter", "2.4.0", None),
        ("_codecs.encode", "2.4.1", Reason.WEIGHTS_ONLY_REFUSED),
        ("_codecs.encode", "2.5.0", None),
        ("__builtin__.set", "2.5.1", Reason.WEIGHTS_ONLY_REFUSED),
        ("__builtin__.set", "2.6.0", None),
        ("__builtin__.complex", "2.6.0", None),
        ("torch.cuda.HalfTensor", "2.0.1", None),
        ("torch.storage.UntypedStorage", "2.0.1", None),
        ("torch._utils._rebuild_qtensor", "2.0.1", Reason.WEIGHTS_ONLY_REFUSED),
        ("torch._utils._rebuild_nested_tensor", "2.14.1", None),
        ("torch._utils._rebuild_nested_tensor", "2.15.0", Reason.WEIGHTS_ONLY_REFUSED),
        (
            "torch.nested._internal.nested_tensor._rebuild_njt",
            "2.6.0",
            Reason.IMPORT_REQUIRED,
        ),
        (
            "torch.nested._internal.nested_tensor._rebuild_njt",
            "2.15.0",
            Reason.WEIGHTS_ONLY_REFUSED,
        ),
        ("torch.distributed.tensor.DTensor", "2.9.1", Reason.IMPORT_REQUIRED),
        ("posix.system", "2.6.0", Reason.WEIGHTS_ONLY_REFUSED),
    ],
)
def test_restricted_loading_takes_what_a_release_allows(
    name: str, torch: str, reason: Reason | None, file: File, told: Told
) -> None:
    assert told(file(name), torch, Mode.RESTRICTED).reason is reason


@pytest.mark.parametrize("mode", [Mode.PLAIN, Mode.MAPPED, Mode.MMAP, Mode.PARTIAL])
def test_since_2_6_every_load_is_restricted_that_is_not_told_to_trust(
    mode: Mode, file: File, told: Told
) -> None:
    module = file(LINEAR)
    assert told(module, "2.6.0", mode).reason is Reason.WEIGHTS_ONLY_REFUSED
    assert told(module, "2.5.1", mode).reason is None
    assert told(module, "2.6.0", Mode.TRUSTED).reason is None


def test_what_a_loader_allows_is_looked_up_and_some_is_never_allowed(
    file: File, told: Told
) -> None:
    assert told(file(LINEAR), "2.6.0", Mode.ALLOWLISTED).reason is None
    gone = file("torch.nn.modules.linear._LinearWithBias")
    assert told(gone, "2.6.0", Mode.ALLOWLISTED).reason is Reason.MISSING_GLOBAL
    queue = file("collections.deque")
    assert told(queue, "2.6.0", Mode.ALLOWLISTED).reason is Reason.WEIGHTS_ONLY_REFUSED
    filled = file("collections.defaultdict")
    assert told(filled, "2.9.1", Mode.ALLOWLISTED).reason is None
    assert told(filled, "2.10.0", Mode.ALLOWLISTED).reason is Reason.WEIGHTS_ONLY_REFUSED
    command = file("posix.system")
    assert told(command, "2.6.0", Mode.ALLOWLISTED).reason is Reason.WEIGHTS_ONLY_REFUSED


def test_what_getattr_gives_is_never_allowed_to_be_called(file: File, told: Told) -> None:
    got = ("__builtin__.getattr", 2)
    member = file("__builtin__.getattr", calls=(got,))
    method = file("__builtin__.getattr", calls=(got, (UNNAMED, 1)))
    assert told(member, "2.6.0", Mode.ALLOWLISTED).reason is None
    assert told(method, "2.6.0", Mode.ALLOWLISTED).reason is Reason.WEIGHTS_ONLY_REFUSED
    assert told(member, "2.6.0", Mode.RESTRICTED).reason is Reason.WEIGHTS_ONLY_REFUSED


def test_restricted_loading_follows_few_opcodes(file: File, told: Told) -> None:
    floats = file(*STATE_DICT, opcodes=("BINFLOAT", "PROTO", "STOP"))
    framed = file(*STATE_DICT, opcodes=("FRAME", "MEMOIZE", "STACK_GLOBAL"))
    assert told(floats, "1.13.1", Mode.RESTRICTED).reason is Reason.WEIGHTS_ONLY_REFUSED
    assert told(floats, "2.0.1", Mode.RESTRICTED).reason is None
    assert told(framed, "2.6.0").reason is None
    assert told(framed, "2.6.0", Mode.PLAIN).reason is Reason.WEIGHTS_ONLY_REFUSED


def test_what_a_function_made_is_refused_a_state_where_its_class_is_not_named(
    file: File, told: Told
) -> None:
    name = "numpy.random._pickle.__generator_ctor"
    state = State(dotted=name, attributes=("bit_generator", "state"))
    old = file(name, calls=((name, 1),), states=(state,))
    assert told(old, "2.6.0", Mode.ALLOWLISTED).reason is Reason.WEIGHTS_ONLY_REFUSED
    assert "no state" in told(old, "2.6.0", Mode.ALLOWLISTED).why
    assert told(old, "2.6.0", Mode.TRUSTED).reason is None
    assert told(old, "1.7.1", Mode.PLAIN).reason is None
    stateless = file(name, calls=((name, 1),))
    assert told(stateless, "2.6.0", Mode.ALLOWLISTED, numpy="2.1.0").reason is None
    parts = "numpy.random._pickle.__bit_generator_ctor"
    given = (State(dotted=parts, attributes=("state",)),)
    named = file(parts, "numpy.random._pcg64.PCG64", calls=((parts, 1),), states=given)
    unnamed = file(parts, calls=((parts, 1),), states=given)
    assert told(named, "2.6.0", Mode.ALLOWLISTED, numpy="2.1.0").reason is None
    prediction = told(unnamed, "2.6.0", Mode.ALLOWLISTED, numpy="2.1.0")
    assert prediction.reason is Reason.WEIGHTS_ONLY_REFUSED


def test_other_loaders_have_no_restricted_unpickler(file: File, told: Told) -> None:
    folder = file(LINEAR, format=Format.DCP)
    assert told(folder, "2.6.0", Mode.PLAIN).reason is None
