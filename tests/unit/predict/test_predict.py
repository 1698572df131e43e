"""Each rule: files that a release takes and refuses, and which of several causes is met first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptmatrix.archive.reading import (
    UNNAMED,
    Call,
    Format,
    Global,
    ParameterGroup,
    Reading,
    State,
    StorageEntry,
    TensorEntry,
)
from ckptmatrix.predict.loading import Loading
from ckptmatrix.predict.predict import predict
from ckptmatrix.wire import Facts
from ckptmatrix.words import Mode, OpenedAs, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.predict.prediction import Prediction

    Told = Callable[..., Prediction]
    File = Callable[..., Reading]

STATE_DICT = ("collections.OrderedDict", "torch._utils._rebuild_tensor_v2", "torch.FloatStorage")
LINEAR = "torch.nn.modules.linear.Linear"
HALF_AND_WHOLE = ("float16", "float32")


def storage(device: str, size: int = 4) -> StorageEntry:
    return StorageEntry(key="0", dtype="torch.float32", device=device, bytes=size, present=size)


def sparse(layout: str, rebuild: str = "_rebuild_sparse_tensor") -> TensorEntry:
    return TensorEntry(path="", dtype="torch.float32", shape=(2, 2), rebuild=rebuild, layout=layout)


@pytest.mark.parametrize(
    "mode", [Mode.PLAIN, Mode.MAPPED, Mode.RESTRICTED, Mode.MMAP, Mode.TRUSTED]
)
def test_a_state_dict_loads_in_a_recent_release_in_every_mode(
    mode: Mode, file: File, told: Told
) -> None:
    prediction = told(file(*STATE_DICT), "2.9.1", mode)
    assert (prediction.reason, prediction.why) == (None, "")


@pytest.mark.parametrize(
    ("version", "torch", "fails"),
    [
        ("3", "1.4.0", True),
        ("3", "1.5.1", False),
        ("2", "1.4.0", False),
        ("5", "1.5.1", True),
        ("10", "1.11.0", True),
        ("10", "1.12.1", False),
        ("", "1.4.0", False),
        ("newest", "1.4.0", False),
    ],
)
def test_a_newer_version_of_the_archive(
    version: str,
    torch: str,
    fails: bool,  # noqa: FBT001 - a table of cases
    file: File,
    told: Told,
) -> None:
    for kind in (Format.ZIP, Format.TORCHSCRIPT):
        prediction = told(file(*STATE_DICT, version=version, format=kind), torch, Mode.PLAIN)
        assert prediction.reason is (Reason.FORMAT_TOO_NEW if fails else None)
        assert (f"version {version}" in prediction.why) is fails


@pytest.mark.parametrize(
    ("kind", "note", "reason"),
    [
        (Format.EMPTY, "", Reason.NOT_A_CHECKPOINT),
        (Format.HTML, "a web page", Reason.NOT_A_CHECKPOINT),
        (Format.LFS_POINTER, "a Git LFS pointer", Reason.NOT_A_CHECKPOINT),
        (Format.OTHER, "a file of text", Reason.NOT_A_CHECKPOINT),
        (Format.OTHER, "a zip archive that torch did not write", Reason.FORMAT_UNKNOWN),
        (Format.OTHER, "a gzip archive: unpack it first", Reason.NOT_A_CHECKPOINT),
        (Format.OTHER, "an HDF5 file, as Keras writes them", Reason.FILE_CORRUPT),
        (Format.UNKNOWN, "", Reason.FILE_CORRUPT),
    ],
)
def test_what_is_no_checkpoint(kind: Format, note: str, reason: Reason, told: Told) -> None:
    reading = Reading(format=kind, bytes=10, note=note)
    assert told(reading, "2.6.0").reason is reason
    # A zip archive is opened before it is mapped.
    zipped = reason is Reason.FORMAT_UNKNOWN
    mapped = Reason.FORMAT_UNKNOWN if zipped else Reason.FORMAT_UNSUPPORTED
    assert told(reading, "2.6.0", Mode.MMAP).reason is mapped


def test_the_legacy_format_has_neither_memory_mapping_nor_a_list_of_its_globals(
    file: File, told: Told
) -> None:
    legacy = file(*STATE_DICT, format=Format.LEGACY, version="1001")
    assert told(legacy, "2.6.0", Mode.ALLOWLISTED).reason is Reason.FORMAT_UNSUPPORTED
    assert told(legacy, "2.6.0", Mode.MMAP).reason is Reason.FORMAT_UNSUPPORTED
    assert told(legacy, "1.4.0", Mode.PLAIN).reason is None


def test_a_plain_pickle_is_for_pickle_and_not_for_torch(file: File, told: Told) -> None:
    pickle = file("collections.OrderedDict", format=Format.PICKLE)
    assert told(pickle, "2.6.0", Mode.PLAIN).reason is None
    assert told(pickle, "2.6.0", Mode.TRUSTED).reason is Reason.FORMAT_UNKNOWN
    gone = file("torch.tensor.Thing", format=Format.PICKLE)
    assert told(gone, "2.6.0", Mode.PLAIN).reason is Reason.MISSING_GLOBAL


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


def test_storages_of_the_first_archives_are_not_found(file: File, told: Told) -> None:
    first = file(*STATE_DICT, version="1", storages=(storage("cpu"),))
    assert told(first, "1.4.0").reason is None
    assert told(first, "1.5.1").reason is Reason.FILE_CORRUPT
    assert told(file("collections.OrderedDict", version="1"), "1.5.1").reason is None


@pytest.mark.parametrize(
    "defect",
    [
        "its records are not in one folder of the archive, which torch insists on",
        "it has no record version, without which torch does not read it",
    ],
)
def test_an_archive_packed_anew_is_not_taken_for_one(defect: str, file: File, told: Told) -> None:
    assert told(file(*STATE_DICT, defects=(defect,)), "2.6.0").reason is Reason.FORMAT_UNKNOWN


@pytest.mark.parametrize(
    ("mode", "torch", "lacks"),
    [
        (Mode.RESTRICTED, "1.12.1", "weights_only"),
        (Mode.MMAP, "2.0.1", "mmap"),
        (Mode.ALLOWLISTED, "2.4.1", "declare safe"),
    ],
)
def test_a_mode_that_a_release_does_not_have(
    mode: Mode, torch: str, lacks: str, file: File, told: Told
) -> None:
    prediction = told(file(*STATE_DICT), torch, mode)
    assert prediction.reason is Reason.MODE_MISSING
    assert lacks in prediction.why


def test_damage_is_met_after_the_version_but_a_lost_directory_before(
    file: File, told: Told
) -> None:
    damaged = file(*STATE_DICT, defects=("data.pkl: byte 117 is no pickle opcode",))
    cut = file(*STATE_DICT, defects=("the zip archive has no directory at its end",))
    assert told(damaged, "1.4.0").reason is Reason.FORMAT_TOO_NEW
    assert told(cut, "1.4.0").reason is Reason.FILE_CORRUPT
    # It looks no further than the first letter.
    assert told(cut, "1.2.0").reason is Reason.FORMAT_TOO_NEW
    assert told(damaged, "2.6.0").reason is Reason.FILE_CORRUPT


@pytest.mark.parametrize(
    "defect",
    [
        "record data/0 is damaged: its bytes do not match their checksum",
        "7 bytes follow the end of the zip archive",
    ],
)
def test_what_torch_does_not_look_at(defect: str, file: File, told: Told) -> None:
    assert told(file(*STATE_DICT, defects=(defect,)), "2.6.0").reason is None


def test_the_mark_of_the_byte_order_is_read_since_2_1(file: File, told: Told) -> None:
    changed = file(*STATE_DICT, defects=("its record byteorder says 'middle', which is none",))
    assert told(changed, "2.0.1").reason is None
    assert told(changed, "2.1.0").reason is Reason.FILE_CORRUPT


@pytest.mark.parametrize(
    ("name", "torch", "reason"),
    [
        ("torch.nn.modules.linear._LinearWithBias", "1.8.1", None),
        ("torch.nn.modules.linear._LinearWithBias", "1.9.0", Reason.MISSING_GLOBAL),
        ("torch.nn.modules.linear._LinearWithBias", "1.5.1", Reason.MISSING_GLOBAL),
        ("torch.nn.modules.linear.NonDynamicallyQuantizableLinear", "1.8.1", Reason.MISSING_GLOBAL),
        ("torch.nn.modules.linear.NonDynamicallyQuantizableLinear", "2.0.1", None),
        ("torch._tensor._rebuild_from_type_v2", "1.8.1", Reason.MISSING_GLOBAL),
        ("torch._utils._rebuild_tensor_v3", "2.1.2", Reason.MISSING_GLOBAL),
        ("torch._utils._rebuild_tensor_v3", "2.2.0", None),
        ("torch.ComplexFloatStorage", "1.5.1", Reason.DTYPE_UNKNOWN),
        ("torch.float8_e8m0fnu", "2.6.0", Reason.DTYPE_UNKNOWN),
        ("torch.float8_e8m0fnu", "2.7.0", None),
        ("torch.nested._internal.nested_tensor.NestedTensor", "1.12.1", Reason.MISSING_GLOBAL),
        ("torch.never.there.Something", "2.6.0", None),
        ("torch.nn.modules.linear.Linear", "1.4.0", None),
    ],
)
def test_names_of_torch_are_there_in_some_releases(
    name: str, torch: str, reason: Reason | None, file: File, told: Told
) -> None:
    prediction = told(file(name, version="2"), torch)
    assert prediction.reason is reason
    assert (name in prediction.why) is (reason is not None)


@pytest.mark.parametrize(
    ("name", "environment", "reason"),
    [
        ("numpy._core.multiarray.scalar", {"numpy": "1.24.0"}, Reason.MISSING_GLOBAL),
        ("numpy._core.multiarray.scalar", {"numpy": "1.26.0"}, Reason.MISSING_GLOBAL),
        ("numpy._core.multiarray.scalar", {"numpy": "1.26.4"}, None),
        ("numpy.core.multiarray.scalar", {"numpy": "2.3.0"}, None),
        ("numpy.core.multiarray.scalar", {"numpy": None}, Reason.MISSING_MODULE),
        ("pathlib._local.PosixPath", {"python": "3.12.1"}, Reason.MISSING_GLOBAL),
        ("pathlib._local.PosixPath", {"python": "3.14.0"}, None),
        ("pathlib.PosixPath", {"python": "3.13.0"}, None),
        ("zoneinfo.ZoneInfo", {"python": "3.8.1"}, Reason.MISSING_MODULE),
        ("fractions.gcd", {"python": "3.8.1"}, None),
        ("fractions.gcd", {"python": "3.9.1"}, Reason.MISSING_GLOBAL),
        ("collections.Mapping", {"python": "3.9.1"}, None),
        ("collections.Mapping", {"python": "3.10.4"}, Reason.MISSING_GLOBAL),
        ("distutils.version.LooseVersion", {"python": "3.11.7"}, None),
        ("distutils.version.LooseVersion", {"python": "3.12.1"}, Reason.MISSING_MODULE),
        (
            "distutils.version.LooseVersion",
            {"python": "3.12.1", "packages": {"setuptools": "70.0"}},
            None,
        ),
        ("numpy._core.numeric._frombuffer", {"numpy": "1.26.4"}, Reason.MISSING_GLOBAL),
        (
            "numpy._core._internal._convert_to_stringdtype_kwargs",
            {"numpy": "1.26.4"},
            Reason.MISSING_GLOBAL,
        ),
        ("numpy._core._internal._convert_to_stringdtype_kwargs", {"numpy": "2.0.0"}, None),
        ("pathlib.WindowsPath", {}, Reason.LOAD_ERROR),
        ("pathlib.WindowsPath", {"platform": "win-amd64"}, None),
        ("pathlib.PosixPath", {"platform": "win-amd64"}, Reason.LOAD_ERROR),
        ("__builtin__.set", {}, None),
        ("__main__.Net", {}, Reason.MISSING_GLOBAL),
        ("yaml.loader.Loader", {"packages": {"PyYAML": "6.0"}}, None),
        ("yaml.loader.Loader", {}, Reason.MISSING_MODULE),
        ("my_project.models.Net", {}, Reason.MISSING_MODULE),
        ("ckptcell_user_mine.Net", {}, None),
    ],
)
def test_names_of_others_are_there_in_some_environments(
    name: str, environment: dict[str, Any], reason: Reason | None, file: File, told: Told
) -> None:
    assert told(file(name), "2.0.1", **environment).reason is reason


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


@pytest.mark.parametrize("mode", [Mode.PLAIN, Mode.ALLOWLISTED])
def test_a_module_may_be_older_than_its_python(file: File, told: Told, mode: Mode) -> None:
    sharded = file("torch.distributed._shard.sharded_tensor.api.ShardedTensor")
    assert told(sharded, "1.13.1", mode, python="3.11.2").reason is Reason.MISSING_MODULE
    assert told(sharded, "1.13.1", python="3.10.9").reason is None
    assert told(sharded, "2.0.1", python="3.11.2").reason is None


def test_restricted_loading_follows_few_opcodes(file: File, told: Told) -> None:
    floats = file(*STATE_DICT, opcodes=("BINFLOAT", "PROTO", "STOP"))
    framed = file(*STATE_DICT, opcodes=("FRAME", "MEMOIZE", "STACK_GLOBAL"))
    assert told(floats, "1.13.1", Mode.RESTRICTED).reason is Reason.WEIGHTS_ONLY_REFUSED
    assert told(floats, "2.0.1", Mode.RESTRICTED).reason is None
    assert "FRAME" in told(framed, "2.6.0").why or told(framed, "2.6.0").reason is None
    assert told(framed, "2.6.0", Mode.PLAIN).reason is Reason.WEIGHTS_ONLY_REFUSED


def test_pickle_protocol_5_needs_python_3_8(file: File, told: Told) -> None:
    new = file(*STATE_DICT, protocol=5, version="2")
    assert told(new, "1.4.0", python="3.7.9").reason is Reason.PICKLE_PROTOCOL
    assert told(new, "1.4.0", python="3.8.1").reason is None


@pytest.mark.parametrize(
    ("device", "gpus", "reason"),
    [
        ("cuda:0", (), Reason.DEVICE_UNAVAILABLE),
        ("cuda:0", ("A",), None),
        ("cuda:1", ("A",), Reason.DEVICE_INDEX),
        ("cuda", ("A",), None),
        ("mps", ("A",), Reason.DEVICE_UNAVAILABLE),
        ("meta", (), None),
    ],
)
def test_storages_want_their_device_unless_they_are_mapped(
    device: str, gpus: tuple[str, ...], reason: Reason | None, file: File, told: Told
) -> None:
    reading = file(*STATE_DICT, storages=(storage(device),))
    assert told(reading, "2.6.0", Mode.PLAIN, gpus=gpus).reason is reason
    assert told(reading, "2.6.0", Mode.MAPPED, gpus=gpus).reason is None


def test_a_device_is_missed_where_the_first_storage_is(file: File, told: Told) -> None:
    first = file(*STATE_DICT, LINEAR, storages=(storage("cuda:0"),))
    last = file(LINEAR, *STATE_DICT, storages=(storage("cuda:0"),))
    assert told(first, "2.6.0", Mode.PLAIN).reason is Reason.DEVICE_UNAVAILABLE
    assert told(last, "2.6.0", Mode.PLAIN).reason is Reason.WEIGHTS_ONLY_REFUSED


@pytest.mark.parametrize(
    ("rebuild", "torch", "mode", "reason"),
    [
        ("_rebuild_device_tensor_from_numpy", "2.6.0", Mode.PLAIN, Reason.DEVICE_UNAVAILABLE),
        ("_rebuild_device_tensor_from_numpy", "2.6.0", Mode.TRUSTED, None),
        ("_rebuild_device_tensor_from_numpy", "1.12.1", Mode.TRUSTED, Reason.DEVICE_UNAVAILABLE),
        ("_rebuild_tensor_v2", "2.6.0", Mode.PLAIN, None),
    ],
)
def test_a_tensor_kept_as_one_of_the_cpu_is_moved_to_where_it_was(
    *, rebuild: str, torch: str, mode: Mode, reason: Reason | None, file: File, told: Told
) -> None:
    tensor = TensorEntry(
        path="", dtype="torch.float32", shape=(2,), device="xla:0", rebuild=rebuild
    )
    assert told(file(*STATE_DICT, tensors=(tensor,)), torch, mode).reason is reason


def test_nobody_reads_protocol_0(file: File, told: Told) -> None:
    named = file(*STATE_DICT, defects=("its storages are named by texts, as in protocol 0",))
    assert told(named, "2.6.0").reason is Reason.LOAD_ERROR
    assert told(named, "2.13.0").reason is Reason.PICKLE_PROTOCOL
    assert told(named, "2.13.0", Mode.RESTRICTED).reason is not Reason.FILE_CORRUPT


def test_more_arguments_than_a_release_takes(file: File, told: Told) -> None:
    conjugated = file(*STATE_DICT, calls=(("torch._utils._rebuild_tensor_v2", 7),))
    assert told(conjugated, "1.13.1").reason is Reason.SIGNATURE_MISMATCH
    assert told(conjugated, "2.0.0").reason is None
    unknown = file(*STATE_DICT, calls=(("torch._utils._rebuild_tensor_v2", -1),))
    assert told(unknown, "1.13.1").reason is None


def test_a_sparse_tensor_is_of_one_form_before_2_1(told: Told) -> None:
    call = Call(dotted="torch._utils._rebuild_sparse_tensor", arguments=2, shape=(4,))
    coo = Reading(
        format=Format.ZIP,
        bytes=1,
        version="3",
        calls=(call,),
        tensors=(sparse("torch.sparse_coo"),),
    )
    assert told(coo, "2.0.1").reason is Reason.SIGNATURE_MISMATCH
    assert told(coo, "2.1.0").reason is None


def test_compressed_layouts_are_rebuilt_since_2_0(file: File, told: Told) -> None:
    csc = file(*STATE_DICT, tensors=(sparse("torch.sparse_csc"),))
    csr = file(*STATE_DICT, tensors=(sparse("torch.sparse_csr", "_rebuild_sparse_csr_tensor"),))
    assert told(csc, "1.12.1").reason is Reason.LAYOUT_UNSUPPORTED
    assert told(csc, "1.13.1", Mode.RESTRICTED).reason is Reason.LAYOUT_UNSUPPORTED
    assert told(csc, "2.0.0").reason is None
    assert told(csr, "1.12.1").reason is None


def test_generators_of_numpy_2_are_not_taken_by_numpy_1(file: File, told: Told) -> None:
    name = "numpy.random._pickle.__bit_generator_ctor"
    new = file(name, "numpy.random._pcg64.PCG64", calls=((name, 1),))
    old = file(name, calls=((name, 1),))
    assert told(new, "2.0.1", numpy="1.26.4").reason is Reason.SIGNATURE_MISMATCH
    assert told(new, "2.0.1", numpy="2.1.0").reason is None
    state = file(
        name, "numpy.random._pcg64.PCG64", "numpy._core.multiarray._reconstruct", calls=((name, 1),)
    )
    assert told(state, "2.0.1", numpy="1.24.0").reason is Reason.SIGNATURE_MISMATCH
    assert told(old, "2.0.1", numpy="1.26.4").reason is None


@pytest.mark.parametrize("function", ["__generator_ctor", "__randomstate_ctor"])
def test_generators_of_numpy_1_24_are_not_taken_before(
    function: str, file: File, told: Told
) -> None:
    name = f"numpy.random._pickle.{function}"
    new = file(name, "numpy.random._pickle.__bit_generator_ctor", calls=((name, 2),))
    prediction = told(new, "1.7.1", numpy="1.19.5")
    assert prediction.reason is Reason.SIGNATURE_MISMATCH
    assert "is given 2 arguments and takes 1" in prediction.why
    assert told(new, "1.7.1", numpy="1.23.5").reason is Reason.SIGNATURE_MISMATCH
    assert told(new, "1.7.1", numpy="1.24.0").reason is None
    assert told(new, "2.6.0", numpy="2.1.0").reason is None
    assert told(file(name, calls=((name, 1),)), "1.7.1", numpy="1.19.5").reason is None


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


def test_arguments_are_met_before_the_state(file: File, told: Told) -> None:
    name = "numpy.random._pickle.__generator_ctor"
    given = (State(dotted=name, attributes=("state",)),)
    new = file(name, calls=((name, 2),), states=given)
    prediction = told(new, "2.6.0", Mode.ALLOWLISTED, numpy="1.21.0")
    assert prediction.reason is Reason.SIGNATURE_MISMATCH


def test_a_sharded_tensor_became_a_tensor(file: File, told: Told) -> None:
    name = "torch.distributed._shard.sharded_tensor.api.ShardedTensor"
    old = file(name, calls=((name, 0),))
    new = file("torch._utils._rebuild_wrapper_subclass", name)
    assert told(old, "1.12.1").reason is None
    assert told(old, "2.0.1").reason is Reason.SIGNATURE_MISMATCH
    assert told(new, "1.12.1").reason is Reason.SIGNATURE_MISMATCH
    assert told(new, "2.0.1").reason is None


def test_states_that_are_no_dicts(file: File, told: Told) -> None:
    name = "torch._C.Generator"
    generator = file(name, calls=((name, 1),))
    assert told(generator, "2.3.1").reason is Reason.SIGNATURE_MISMATCH
    assert told(generator, "2.4.0").reason is None
    name = "torch._dynamo.decorators._DimRange"
    given = State(dotted=name, attributes=("dim", "max", "min"))
    assert told(file(name, calls=((name, 0),)), "2.6.0").reason is Reason.SIGNATURE_MISMATCH
    old = file(name, calls=((name, 0),), states=(given,))
    assert told(old, "2.6.0").reason is None


def test_packed_parameters_had_a_tuple_for_a_state_up_to_1_11(file: File, told: Told) -> None:
    name = "torch.nn.quantized.modules.linear.LinearPackedParams"
    old = file(name, calls=((name, 0),))
    new = file(name, calls=((name, 0),), states=(State(dotted=name, attributes=("dtype",)),))
    assert told(old, "1.12.1").reason is Reason.SIGNATURE_MISMATCH
    assert told(old, "1.11.0").reason is None
    assert told(new, "1.12.1").reason is None
    assert told(new, "1.7.1").reason is Reason.FILE_CORRUPT


def test_a_tensor_without_attributes_has_no_state_to_go_through(told: Told) -> None:
    name = "torch._tensor._rebuild_from_type_v2"
    call = Call(dotted=name, arguments=4, shape=(3, -1))
    reading = Reading(format=Format.ZIP, bytes=1, version="3", calls=(call,))
    assert told(reading, "1.13.1").reason is Reason.SIGNATURE_MISMATCH
    assert told(reading, "2.0.0").reason is None


def test_an_object_without_an_attribute_that_forward_reads(file: File, told: Told) -> None:
    gelu = "torch.nn.modules.activation.GELU"
    old = file(gelu, states=(State(dotted=gelu, attributes=("training",)),))
    new = file(gelu, states=(State(dotted=gelu, attributes=("approximate", "training")),))
    assert told(old, "1.12.0").reason is Reason.FORWARD_ERROR
    assert told(old, "1.11.0").reason is None
    assert told(new, "2.6.0").reason is None
    assert told(old, "2.6.0", Mode.PLAIN).reason is Reason.WEIGHTS_ONLY_REFUSED


def test_an_object_without_an_attribute_that_forward_reads_when_it_is_set_so(
    file: File, told: Told
) -> None:
    conv = "torch.nn.modules.conv.Conv2d"

    def saved(*attributes: str, mode: str) -> Reading:
        setting = f"padding_mode={mode}"
        state = State(dotted=conv, attributes=attributes, settings=("kind=x", setting))
        return file(conv, states=(state,))

    assert told(saved("padding_mode", mode="circular"), "1.7.1").reason is Reason.FORWARD_ERROR
    assert told(saved("padding_mode", mode="zeros"), "1.7.1").reason is None
    ahead = saved("_reversed_padding_repeated_twice", mode="circular")
    assert told(ahead, "1.7.1").reason is None


def test_layers_of_half_precision_compute_on_the_cpu_since_2_2(file: File, told: Told) -> None:
    given = State(dotted=LINEAR, attributes=("training",))
    tensors = [TensorEntry(path="", dtype=f"torch.{kind}", shape=(2,)) for kind in HALF_AND_WHOLE]
    half = file(LINEAR, states=(given,), tensors=tuple(tensors[:1]))
    assert told(half, "2.1.2").reason is Reason.FORWARD_ERROR
    assert told(half, "2.2.0").reason is None
    assert told(file(LINEAR, states=(given,), tensors=tuple(tensors)), "2.0.1").reason is None
    assert told(file(*STATE_DICT, tensors=tuple(tensors[:1])), "2.0.1").reason is None


@pytest.mark.parametrize(
    ("beside", "torch", "fails"),
    [
        ("betas", "1.12.1", False),
        ("betas", "1.13.0", True),
        ("betas", "2.3.1", True),
        ("betas", "2.4.0", False),
        ("nesterov", "2.2.2", False),
        ("nesterov", "2.3.1", True),
        ("nesterov", "2.4.0", False),
        ("lr_decay", "2.3.1", False),
    ],
)
def test_fused_steps_on_the_cpu_since_2_4(
    beside: str,
    torch: str,
    fails: bool,  # noqa: FBT001 - a table of cases
    file: File,
    told: Told,
) -> None:
    on = file(*STATE_DICT, groups=(ParameterGroup(options=("lr", beside, "fused"), on=("fused",)),))
    off = file(*STATE_DICT, groups=(ParameterGroup(options=("lr", beside, "fused")),))
    assert told(on, torch).reason is (Reason.RESUME_ERROR if fails else None)
    assert told(on, torch, loading={"device": "cuda:0"}).reason is None
    assert told(off, torch).reason is None


def test_a_cyclic_schedule_needs_its_function_since_2_2(file: File, told: Told) -> None:
    cyclic = ("base_lrs", "max_lrs", "step_ratio", "last_epoch")
    old = file(*STATE_DICT, schedulers=(("last_epoch", "gamma"), cyclic))
    new = file(*STATE_DICT, schedulers=((*cyclic, "_scale_fn_custom"),))
    assert told(old, "2.1.2").reason is None
    assert told(old, "2.2.0").reason is Reason.MISSING_KEYS
    assert "CyclicLR lacks _scale_fn_custom" in told(old, "2.6.0").why
    assert told(new, "2.6.0").reason is None


def test_a_schedule_is_loaded_before_a_step_is_taken(file: File, told: Told) -> None:
    fused = ParameterGroup(options=("betas", "fused"), on=("fused",))
    both = file(groups=(fused,), schedulers=(("base_lrs", "max_lrs", "step_ratio"),))
    assert told(both, "2.3.1").reason is Reason.MISSING_KEYS
    assert told(both, "1.13.0").reason is Reason.RESUME_ERROR


def test_a_package_has_the_version_of_its_archive(file: File, told: Told) -> None:
    package = file(format=Format.PACKAGE, version="6")
    assert told(package, "1.8.1", Mode.PLAIN).reason is Reason.FORMAT_TOO_NEW
    assert told(package, "1.9.0", Mode.PLAIN).reason is None


def test_extra_state_is_not_taken_before_1_10(file: File, told: Told) -> None:
    reading = file(*STATE_DICT, keys=("weight", "vocabulary._extra_state"))
    assert told(reading, "1.9.1").reason is Reason.UNEXPECTED_KEYS
    assert told(reading, "1.9.1", Mode.PARTIAL).reason is None
    assert told(reading, "1.10.0").reason is None


def test_a_sparse_tensor_of_the_legacy_format_is_checked_too_early(file: File, told: Told) -> None:
    reading = file(*STATE_DICT, format=Format.LEGACY, tensors=(sparse("torch.sparse_coo"),))
    assert told(reading, "1.6.0").reason is Reason.LAYOUT_UNSUPPORTED
    assert told(reading, "1.7.0").reason is None
    assert told(file(*STATE_DICT, tensors=(sparse("torch.sparse_coo"),)), "1.6.0").reason is None


@pytest.mark.parametrize(
    ("details", "torch", "reason"),
    [
        ({"attributes without a value": "yes"}, "1.7.1", Reason.MISSING_GLOBAL),
        (
            {"attributes without a value": "yes", "debug information": "with a table of texts"},
            "1.7.1",
            Reason.CRASHED,
        ),
        ({"attributes without a value": "yes"}, "1.8.1", Reason.MISSING_GLOBAL),
        ({"attributes without a value": "yes", "debug information": "with"}, "1.9.0", None),
        ({"debug information": "with a table of texts"}, "1.7.1", None),
    ],
)
def test_torchscript_with_a_type_that_a_release_does_not_know(
    details: dict[str, str], torch: str, reason: Reason | None, file: File, told: Told
) -> None:
    script = file(format=Format.TORCHSCRIPT, details=details)
    assert told(script, torch, Mode.PLAIN).reason is reason


@pytest.mark.parametrize(
    ("layout", "version", "torch", "reason"),
    [
        ("archive pt2", "8.14", "2.7.1", Reason.FORMAT_TOO_NEW),
        ("archive pt2", "8.14", "2.8.0", None),
        ("loose records", "7.3", "2.5.1", None),
        ("loose records", "7.3", "2.6.0", Reason.FORMAT_UNSUPPORTED),
        ("loose records", "8.2", "2.13.0", None),
        ("loose records", "", "2.6.0", None),
    ],
)
def test_exported_programs_have_one_number_that_must_be_the_same(
    layout: str, version: str, torch: str, reason: Reason | None, told: Told
) -> None:
    program = Reading(format=Format.EXPORT, bytes=1, version=version, details={"layout": layout})
    assert told(program, torch, Mode.PLAIN).reason is reason


@pytest.mark.parametrize(("version", "reason"), [("0", None), ("99", Reason.FORMAT_UNSUPPORTED)])
def test_the_archive_of_exported_programs_has_a_version_of_its_own(
    version: str, reason: Reason | None, told: Told
) -> None:
    details = {"layout": "archive pt2", "archive version": version}
    program = Reading(format=Format.EXPORT, bytes=1, version="8.20", details=details)
    assert told(program, "2.13.0", Mode.PLAIN).reason is reason


def test_other_loaders_have_no_restricted_unpickler(file: File, told: Told) -> None:
    folder = file(LINEAR, format=Format.DCP)
    assert told(folder, "2.6.0", Mode.PLAIN).reason is None


NAMES = st.builds(Global, module=st.text(max_size=30), name=st.text(max_size=30))
CALLS = st.builds(
    Call,
    dotted=st.sampled_from(["?", "torch._utils._rebuild_tensor_v2", ""]) | st.text(max_size=20),
    arguments=st.integers(-1, 50),
    shape=st.lists(st.integers(-1, 9), max_size=3).map(tuple),
)
WORDS = st.lists(
    st.sampled_from(["fused", "betas", "base_lrs", "max_lrs", "step_ratio"]) | st.text(max_size=9),
    max_size=4,
).map(tuple)
FILES = st.builds(
    Reading,
    format=st.sampled_from(Format),
    bytes=st.integers(0, 10**12),
    note=st.text(max_size=30),
    version=st.text(max_size=10),
    protocol=st.none() | st.integers(0, 255),
    opcodes=st.lists(st.text(max_size=10), max_size=3).map(tuple),
    defects=st.lists(st.text(max_size=30), max_size=2).map(tuple),
    globals=st.lists(NAMES, max_size=5).map(tuple),
    calls=st.lists(CALLS, max_size=5).map(tuple),
    storages=st.lists(st.text(max_size=10).map(storage), max_size=2).map(tuple),
    tensors=st.lists(st.text(max_size=10).map(sparse), max_size=2).map(tuple),
    keys=st.lists(st.text(max_size=10), max_size=3).map(tuple),
    details=st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=2),
    tensor_bytes=st.integers(0, 10**12),
    groups=st.lists(st.builds(ParameterGroup, options=WORDS, on=WORDS), max_size=2).map(tuple),
    schedulers=st.lists(WORDS, max_size=2).map(tuple),
)
LOADINGS = st.builds(
    Loading,
    mode=st.sampled_from(Mode),
    device=st.sampled_from(["cpu", "cuda:0"]),
    memory_bytes=st.none() | st.integers(0, 10**12),
    opened_as=st.sampled_from(OpenedAs),
)


def unclear(torch: str) -> Facts:
    """An environment whose versions are no versions."""
    return Facts(
        cell_program="1",
        python="?",
        implementation="",
        executable="",
        platform="",
        machine="",
        byteorder="little",
        torch=torch,
        numpy="!",
    )


@given(reading=FILES, loading=LOADINGS, torch=st.text(max_size=10))
def test_whatever_a_file_says_there_is_one_answer(
    reading: Reading, loading: Loading, torch: str
) -> None:
    prediction = predict(reading, unclear(torch), loading)
    assert (prediction.reason is None) is (prediction.why == "")
    assert prediction == predict(reading, unclear(torch), loading)
