from __future__ import annotations

import pytest

from ckptmatrix.archive.reading import Format, Reading, TensorEntry
from ckptmatrix.judge.continuation import Part, continuation_of, continuation_of_reading
from ckptmatrix.judge.observation import read_observation
from observations import Json, dictionary, observation, state_dict, tensor


def found(*leaves: Json, versions: bool = False) -> dict[Part, str]:
    read = read_observation(observation(*leaves))
    return dict(continuation_of(read, versions=versions).present)


def scalar(path: str, kind: str = "int") -> Json:
    return {"path": path, "type": kind, "value": 3}


def test_a_file_of_weights_lacks_all_the_rest() -> None:
    told = continuation_of(read_observation(observation(tensor("['a']"))))
    assert told.only_weights
    assert told.missing == tuple(part for part in Part if part is not Part.WEIGHTS)


def test_everything_a_trainer_keeps_is_found() -> None:
    present = found(
        dictionary("", "model", "optimizer", "lr_scheduler", "epoch", "rng_state", "scaler"),
        dictionary("['model']", "w"),
        tensor("['model']['w']"),
        dictionary("['optimizer']", "state", "param_groups"),
        dictionary("['lr_scheduler']", "last_epoch", "_step_count", "base_lrs"),
        scalar("['epoch']"),
        tensor("['rng_state']", dtype="torch.uint8", shape=[5056]),
        dictionary("['scaler']", "scale", "growth_factor", "backoff_factor"),
        {"path": "['torch_version']", "type": "str", "value": "2.6.0"},
    )
    assert list(present) == list(Part)
    assert present[Part.OPTIMIZER] == "['optimizer']"


def test_an_optimizer_is_known_by_its_structure_whatever_it_is_called() -> None:
    present = found(
        dictionary("", "o"),
        dictionary("['o']", "state", "param_groups"),
        dictionary("['o']['state']", "0"),
        dictionary("['o']['state'][0]", "step", "exp_avg"),
        tensor("['o']['state'][0]['step']", shape=[]),
        tensor("['o']['state'][0]['exp_avg']"),
    )
    # Its tensors are no weights, and its step is not that of training.
    assert present == {Part.OPTIMIZER: "['o']"}


@pytest.mark.parametrize(
    ("path", "kind", "part"),
    [
        ("['optimizer_states']", "list", Part.OPTIMIZER),
        ("['last_optimizer_state']", "dict", Part.OPTIMIZER),
        ("['optimizer']", "none", None),
        ("['optimizer_name']", "str", None),
        ("['lr_schedulers']", "list", Part.SCHEDULER),
        ("['global_step']", "int", Part.PROGRESS),
        ("['iteration']", "int", Part.PROGRESS),
        ("['meta']['epoch']", "int", Part.PROGRESS),
        ("['num_updates']", "int", Part.PROGRESS),
        ("['stepper']", "int", None),
        ("['epoch']", "str", None),
        ("['cuda_rng_state']", "list", Part.RNG),
        ("['amp_scaler']", "dict", Part.SCALER),
        ("['pytorch-lightning_version']", "str", Part.VERSIONS),
        ("['a']['b']['epoch']", "int", None),
    ],
)
def test_names_of_common_trainers(path: str, kind: str, part: Part | None) -> None:
    present = found({"path": path, "type": kind, "value": 1})
    assert present == ({} if part is None else {part: path})


def test_a_parameter_called_like_an_optimizer_is_a_weight() -> None:
    present = found(tensor(".optimum"), {"path": ".rng", "type": "generator"}, tensor(".rngless"))
    assert present == {Part.WEIGHTS: ".optimum", Part.RNG: ".rng"}


def test_keys_beyond_the_listed_leaves_are_found_in_the_root() -> None:
    whole = observation(
        dictionary("", "state_dict", "optimizer", "epoch"),
        dictionary("['state_dict']", "w"),
        tensor("['state_dict']['w']"),
        more={"count": 5_000, "sha256": "a" * 64, "chunks": ["a" * 64]},
    )
    present = continuation_of(read_observation(whole)).present
    assert present[Part.OPTIMIZER] == "['optimizer']"
    assert present[Part.PROGRESS] == "['epoch']"


def test_a_sidecar_knows_the_versions() -> None:
    assert found(tensor("['a']"), versions=True)[Part.VERSIONS] == "the sidecar"


def test_a_file_that_nobody_loads_is_told_from_its_reading() -> None:
    reading = Reading(
        format=Format.ZIP,
        bytes=1,
        keys=("model", "optimizer", "epoch"),
        tensors=(TensorEntry(path="['model']['w']", dtype="torch.float32", shape=(2,)),),
    )
    present = continuation_of_reading(reading).present
    assert set(present) == {Part.WEIGHTS, Part.OPTIMIZER, Part.PROGRESS}


def test_every_part_says_what_is_lost_without_it() -> None:
    for part in Part:
        assert part.phrase
        assert part.without
    assert continuation_of(read_observation(state_dict())).present[Part.PROGRESS] == "['step']"
