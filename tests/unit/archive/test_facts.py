"""Requirements, clues and dangers, and the tables they are from."""

from __future__ import annotations

import pickle
import re
from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from archive_files import saved
from ckptmatrix.archive.names import find, read_table
from ckptmatrix.archive.reading import Call, Format, Reading, TensorEntry
from ckptmatrix.archive.requirements import requirements_of

if TYPE_CHECKING:
    from archive_files import Read

REQUIREMENTS = read_table("requirements.yaml")
CLUES = read_table("clues.yaml")
DANGERS = read_table("dangers.yaml")


def facts() -> list[tuple[str, dict[str, Any]]]:
    made = []
    for section, entries in REQUIREMENTS.items():
        if section == "calls":
            made += [(f"{section} {entry['name']}", entry) for entry in entries]
        else:
            made += [(f"{section} {name}", entry) for name, entry in entries.items()]
    return made


def looking_up(*names: str) -> bytes:
    """A pickle that looks names up and calls nothing."""
    parts = (name.rpartition(".") for name in names)
    return b"\x80\x02" + b"".join(f"c{m}\n{n}\n0".encode() for m, _, n in parts) + b"}."


def needed(reading: Reading, of: str) -> list[tuple[str, str]]:
    return [(each.at_least, each.below) for each in reading.requirements if each.of == of]


def test_there_are_many_facts() -> None:
    assert len(facts()) > 120


@pytest.mark.parametrize(("name", "fact"), facts(), ids=lambda value: str(value)[:80])
def test_a_fact_says_something_and_where_it_is_from(name: str, fact: dict[str, Any]) -> None:
    since, below = fact.get("since", ""), fact.get("below", "")
    assert since or below
    assert all(re.fullmatch(r"\d+(\.\d+){0,2}", each) for each in (since, below) if each)
    if since and below:
        assert Version(since) < Version(below)
    reference = fact.get("reference", "")
    if not name.startswith(("globals torch.", "layouts", "file_versions", "schemas")):
        assert reference
    assert "#" not in reference or re.search(r"\w+#\d{3,6}", reference)


@pytest.mark.parametrize("section", CLUES)
def test_every_clue_has_its_source(section: str) -> None:
    for fact in CLUES[section].values():
        assert fact["wrote"]
        assert fact["reference"]


@pytest.mark.parametrize(
    ("name", "of", "expected"),
    [
        ("torch._utils._rebuild_tensor_v3", "torch", ("2.2", "")),
        ("torch.nn.modules.linear._LinearWithBias", "torch", ("1.6", "1.9")),
        ("torch.float8_e5m2", "torch", ("2.1", "")),
        ("torch.ao.nn.quantized.modules.linear.Linear", "torch", ("1.13", "")),
        ("torch.distributed.tensor.DTensor", "torch", ("2.5", "")),
        ("torch.distributed.tensor._dtensor_spec.DTensorSpec", "torch", ("2.5", "")),
        ("torch.distributed.tensor.placement_types.Shard", "torch", ("2.5", "")),
        ("torch.distributed._mesh_layout._MeshLayout", "torch", ("2.13", "")),
        ("torch.nested._internal.nested_tensor.NestedTensor", "torch", ("2.2", "")),
        ("torch.nested._internal.nested_tensor._rebuild_njt", "torch", ("2.6", "")),
        ("numpy._core.multiarray.scalar", "numpy", ("1.26.1", "")),
        ("numpy._core.numeric._frombuffer", "numpy", ("2.0", "")),
        ("numpy._core._internal._convert_to_stringdtype_kwargs", "numpy", ("2.0", "")),
        ("pathlib._local.PosixPath", "python", ("3.13", "")),
        ("distutils.version.LooseVersion", "python", ("", "3.12")),
        ("zoneinfo.ZoneInfo", "python", ("3.9", "")),
    ],
)
def test_names_ask_for_versions(read: Read, name: str, of: str, expected: tuple[str, str]) -> None:
    reading = read(saved(looking_up(name)))
    assert expected in needed(reading, of)
    assert any(name in each.evidence for each in reading.requirements)


def test_numpy_before_its_second_asks_for_nothing(read: Read) -> None:
    reading = read(saved(looking_up("numpy.core.multiarray.scalar")))
    assert needed(reading, "numpy") == []
    assert any(clue.startswith("NumPy before 2.0") for clue in reading.written_by)


def test_the_highest_comes_first(read: Read) -> None:
    names = ("torch.nn.modules.flatten.Unflatten", "torch.nn.modules.normalization.RMSNorm")
    versions = [at_least for at_least, _ in needed(read(saved(looking_up(*names))), "torch")]
    assert versions == sorted(versions, key=Version, reverse=True)
    assert versions[0] == "2.4"


def test_one_argument_more_asks_for_more(read: Read) -> None:
    def tensor(rest: bytes) -> bytes:
        return (
            b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n"
            b"FloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQK\x00))\x89}"
            + rest
            + b"tR."
        )

    before = read(saved(tensor(b""), storages={"0": bytes(4)}))
    after = read(saved(tensor(b"}"), storages={"0": bytes(4)}))
    assert ("2.0", "") in set(needed(after, "torch")) - set(needed(before, "torch"))


def test_protocol_0_names_storages_by_texts(read: Read) -> None:
    named = b"(dp0\nVweight\np1\nP('storage', <class 'torch.FloatStorage'>, '0', 'cpu', 4)\ns."
    assert any("named by texts" in each for each in read(saved(named)).defects)


@pytest.mark.parametrize(
    ("layout", "by", "expected"),
    [
        ("sparse_csr", "_rebuild_sparse_csr_tensor", "1.11"),
        ("sparse_csr", "_rebuild_sparse_tensor", "2.0"),
        ("sparse_csc", "_rebuild_sparse_tensor", "2.0"),
        ("sparse_bsr", "_rebuild_sparse_tensor", "2.0"),
        ("sparse_bsc", "_rebuild_sparse_tensor", "2.0"),
        ("sparse_coo", "_rebuild_sparse_tensor", "2.1"),
    ],
)
def test_layouts_ask_for_the_function_that_makes_them(layout: str, by: str, expected: str) -> None:
    reading = Reading(
        format=Format.ZIP,
        bytes=1,
        calls=(Call(dotted=f"torch._utils.{by}", arguments=2, shape=(0, 4)),),
        tensors=(
            TensorEntry(path="", dtype="torch.float32", shape=(4, 4), layout=f"torch.{layout}"),
        ),
    )
    asked = [each.at_least for each in requirements_of(reading, frozenset()) if each.of == "torch"]
    assert max(asked, key=Version) == expected


@pytest.mark.parametrize(
    ("protocol", "expected"), [(2, []), (4, [("3.4", "")]), (5, [("3.8", "")])]
)
def test_protocols_ask_for_python(
    read: Read, protocol: int, expected: list[tuple[str, str]]
) -> None:
    assert needed(read(pickle.dumps([1], protocol)), "python") == expected


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("os.system", "code"),
        ("posix.system", "code"),
        ("builtins.eval", "code"),
        ("__builtin__.eval", "code"),
        ("builtins.getattr", "code"),
        ("subprocess.Popen", "code"),
        ("operator.attrgetter", "code"),
        ("torch.hub.load", "code"),
        ("torch.fx.graph_module.reduce_graph_module", "code"),
        ("torch.storage._load_from_bytes", "code"),
        ("numpy.testing._private.utils.runstring", "code"),
        ("types.CodeType", "code"),
        ("mine.models.Net", "import"),
        ("__main__.Net", "import"),
        ("torchvision.models.resnet.ResNet", "import"),
        ("collections.OrderedDict", None),
        ("__builtin__.set", None),
        ("torch.nn.modules.linear.Linear", None),
        ("numpy._core.multiarray._reconstruct", None),
        ("pathlib._local.PosixPath", None),
        ("argparse.Namespace", None),
        ("logging.getLogger", None),
    ],
)
def test_names_that_can_do_more_than_hold_data(read: Read, name: str, level: str | None) -> None:
    found = {danger.what: danger.level for danger in read(saved(looking_up(name))).dangers}
    assert found.get(name) == level


def test_calls_into_pythons_library_are_odd(read: Read) -> None:
    reading = read(saved(b"\x80\x02clogging\ngetLogger\n)R."))
    assert [(each.what, each.level) for each in reading.dangers] == [("logging.getLogger", "odd")]


def test_chains_of_calls_cannot_be_told(read: Read) -> None:
    chain = b"\x80\x02cbuiltins\ngetattr\ncos\npath\nX\x04\x00\x00\x00join\x86R)R."
    what = [each.what for each in read(saved(chain)).dangers]
    assert what == ["builtins.getattr", "os.path", "a call of what another call gave"]


def test_what_protocol_0_can_do_is_odd(read: Read) -> None:
    levels = {each.what: each.level for each in read(b"(S'x'\nicollections\nCounter\n.").dangers}
    assert levels == {"INST": "odd"}


@pytest.mark.parametrize(
    "name",
    [
        "torch.distributed.distributed_c10d._tensor_to_object",
        "torch.utils.data.get_worker_info",
        "torch._utils._import_dotted_name",
        "torch._C.import_ir_module",
        "torch.serialization.load",
    ],
)
def test_parts_of_torch_that_no_checkpoint_is_made_of_are_not_taken_for_data(
    read: Read, name: str
) -> None:
    assert [each.what for each in read(saved(looking_up(name))).dangers] == [name]


@pytest.mark.parametrize(
    "name",
    [
        "torch.FloatStorage",
        "torch._utils._rebuild_tensor_v2",
        "torch.nn.modules.linear.Linear",
        "torch.distributed.tensor.DTensor",
        "torch.serialization._get_layout",
    ],
)
def test_what_checkpoints_are_made_of_is_no_danger(read: Read, name: str) -> None:
    assert read(saved(looking_up(name))).dangers == ()


def test_dangers_are_told_once(read: Read) -> None:
    assert len(read(saved(looking_up(*["os.system"] * 50))).dangers) == 1
    assert len(read(saved(looking_up(*[f"mine.m{i}" for i in range(500)]))).dangers) == 100


def test_names_are_looked_up_by_what_is_nearest() -> None:
    table = {"a.b.*": 1, "a.*": 2, "a.b.c": 3}
    assert find(table, "a.b", "c") == 3
    assert find(table, "a.b", "d") == 1
    assert find(table, "a.b.c", "d") == 1
    assert find(table, "a.x.y", "z") == 2
    assert find(table, "ab", "c") is None


def test_the_lists_of_dangers_do_not_contradict_each_other() -> None:
    assert not set(DANGERS["code"]) & set(DANGERS["data"])
