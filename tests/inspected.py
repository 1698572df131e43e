"""The checkpoints of a run, read, beside what their producers saw in them."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from packaging.version import Version

from ckptmatrix.archive.read import read_checkpoint
from ckptmatrix.archive.reading import Format
from ckptmatrix.store import Store
from stored import stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ckptmatrix.archive.reading import Reading

__all__ = ["DAMAGED", "Inspected", "inspected", "problems", "tensor_leaves", "unlike"]


#: Cases whose files are damaged, replaced by something that is no checkpoint, packed wrongly, or of
#: a protocol that no torch reads.
DAMAGED = (
    *("file_", "source_", "format_rezipped_without_folder", "format_byteorder_unknown"),
    *("format_protocol_0", "safetensors_truncated", "dcp_no_metadata"),
)


class Inspected(NamedTuple):
    """A checkpoint of a run.

    Attributes:
        cell: Id of the cell that saved it.
        versions: What that cell has of torch, Python and NumPy.
        case: Name of its case.
        path: Where it is.
        reading: What it says.
        observation: What the cell saw in it; empty when it saw nothing.
    """

    cell: str
    versions: dict[str, str | None]
    case: str
    path: Path
    reading: Reading
    observation: dict[str, Any]


def inspected(run: Path) -> Iterator[Inspected]:
    """Every checkpoint that a run saved, once.

    Args:
        run: Folder of the run, below the one that was given as ``--out`` for a new store.
    """
    store = run.resolve().parents[1] / ".store"
    record = json.loads((run / "run.json").read_text("utf-8"))
    saves = {save["checkpoint"]: save for save in record["saves"] if save["checkpoint"]}
    cells = {cell["id"]: cell["facts"] for cell in record["cells"] if cell["facts"]}
    seen: dict[str, str] = {}
    for log in run.glob("jobs/*-save.jsonl"):
        for event in map(json.loads, log.read_text("utf-8").splitlines()):
            if event.get("event") == "done" and event["checkpoint"] and event["observation"]:
                seen[event["checkpoint"]["sha256"]] = event["observation"]
    with Store(store) as kept:
        observations = kept.get_observations(seen.values())
    for sha256, save in saves.items():
        path = stored(store.parent, sha256)
        assert path is not None, f"the store has no checkpoint {sha256}"
        facts = cells[save["producer"]]
        yield Inspected(
            cell=save["producer"],
            versions={of: facts[of] for of in ("torch", "python", "numpy")},
            case=save["case"],
            path=path,
            reading=read_checkpoint(path),
            observation=observations.get(seen.get(sha256, ""), {}),
        )


def problems(run: Path) -> list[str]:
    """What is wrong with the readings of a run's checkpoints; nothing should be."""
    found: list[str] = []
    for each in inspected(run):
        reading = each.reading
        if reading.format is Format.UNKNOWN:
            found.append(f"{each.cell} {each.case}: it is not recognised")
        if each.case.startswith(DAMAGED):
            continue
        told = [*reading.defects, *filter(None, [reading.incomplete])]
        found += [f"{each.cell} {each.case}: {sentence}" for sentence in told]
        found += [
            f"{each.cell} {each.case}: it asks for {need.of} {need.at_least}: {need.evidence}"
            for need in reading.requirements
            if _release(each.versions[need.of] or "") < _release(need.at_least)
        ]
        found += unlike(each) if each.observation else []
    return found


def _release(version: str | None) -> tuple[int, ...]:
    """Debian calls its torch 1.13.0a0, which is no older than what asks for 1.13."""
    return Version(version or "0").release


def tensor_leaves(observation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Path → tensor, of all that a producer saw."""
    return {leaf["path"]: leaf for leaf in observation["leaves"] if leaf["type"] == "tensor"}


#: Patterns of cases that observe something else than the object of their file, and what.
_OBSERVED_OTHERWISE = {
    "arch_*": "the model that is given the file's state",
    "buffers_nonpersistent*": "the model that is given the file's state",
    "custom_*": "the model that is given the file's state",
    "partial_*": "the model that is given the file's state",
    "prefix_*": "the model that is given the file's state",
    "state_assigned": "the state of the module that is given the file's",
    "state_batch_count_*": "the model that is given the file's state",
    "strategy_*": "the model that is given the file's state",
    "weights_only_file*": "the model that is given the file's state",
    "format_gzip*": "the file inside a compressed one",
    "module_fx": "the module that is made of the file's code and state",
    "module_weight_norm_state_dict*": "parts that the weight is made of",
    "optim_adamw_into_adam": "the options of the optimizer that is given the state",
    "optim_hyperparameters_from_file": "the optimizer that is given the state",
    "optim_object": "what the optimizer's state_dict() gives",
    "optim_param_order": "the optimizer's state by names of parameters",
    "optim_state_cast": "the state of the one parameter",
    "rng_generator*": "what the generator's state gives",
    "safetensors_saved_model*": "the model that is given the file's tensors",
    "sharded_without_group": "the shards as a dict",
    "tensor_uninitialized*": "a parameter without a shape",
}
#: Steps of a path through an object, whose attributes an observation may leave out.
_THROUGH_OBJECT = re.compile(r"\.|\(")


def _key(path: str, kind: Format) -> str:
    """A path as both name it: nested names of a distributed checkpoint are joined in the file."""
    if kind is Format.DCP:
        return ".".join(re.findall(r"\['(.*?)'\]", path))
    if kind is Format.EXPORT:
        # Before torch 2.9 tensors lie in an archive of torch.save inside.
        inside = ("serialized_state_dict.pt", "data/weights/model.pt")
        path = path.removeprefix(".state_dict")
        return next((path.removeprefix(each) for each in inside if path.startswith(each)), path)
    return path


def unlike(each: Inspected) -> list[str]:
    """How the tensors of a file differ from those its producer saw, beyond what must be."""
    kind = each.reading.format
    seen = {_key(path, kind): leaf for path, leaf in tensor_leaves(each.observation).items()}
    read = {_key(tensor.path, kind): tensor for tensor in each.reading.tensors}
    found = []
    same = not any(fnmatchcase(each.case, pattern) for pattern in _OBSERVED_OTHERWISE)
    if same:
        found += [f"{path} is not in the file" for path in seen.keys() - read.keys()]
        found += [
            f"{path} was not seen"
            for path in read.keys() - seen.keys()
            if not _THROUGH_OBJECT.search(re.sub(r"\['.*?'\]", "", path))
        ]
    for path in seen.keys() & read.keys():
        leaf, tensor = seen[path], read[path]
        if tensor.dtype != leaf["dtype"]:
            found.append(f"{path} is {leaf['dtype']}, and read as {tensor.dtype}")
        if "*" not in leaf["shape"] and list(tensor.shape) != leaf["shape"]:
            found.append(f"{path} is {leaf['shape']}, and read as {list(tensor.shape)}")
        if same and tensor.requires_grad not in {None, leaf["requires_grad"]}:
            found.append(f"{path} read with another requires_grad")
    return [f"{each.cell} {each.case}: {difference}" for difference in found]
