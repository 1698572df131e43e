from __future__ import annotations

from typing import Any

import pytest

from ckptmatrix.providers.docker.labels import INTERPRETER
from ckptmatrix.providers.docker.sandbox import (
    Bounds,
    ImageFacts,
    Names,
    carrier_config,
    environment,
    job_config,
)
from ckptmatrix.wire import Limits, Manifest
from ckptmatrix.words import Phase

NAMES = Names(given="g", taken="t", carrier="c", job="j")
LABELS = {"org.ckptmatrix.run": "r"}


def image(
    *env: str, volumes: tuple[str, ...] = (), interpreter: str | None = "/opt/cell/bin/python"
) -> ImageFacts:
    config: dict[str, Any] = {"Env": list(env), "Volumes": {key: {} for key in volumes}}
    if interpreter:
        config["Labels"] = {INTERPRETER: interpreter}
    return ImageFacts.of({"Id": "sha256:1", "Config": config})


def job(
    of: ImageFacts, *, interpreter: str | None = None, gpu: bool = False, **limits: Any
) -> dict[str, Any]:
    return job_config(
        of,
        NAMES,
        LABELS,
        interpreter=interpreter,
        manifest=Manifest(phase=Phase.LOAD, limits=Limits(**limits)),
        bounds=Bounds(memory_bytes=5, scratch_bytes=7, pids=3),
        deadline_s=90.5,
        gpu=gpu,
    )


def test_nothing_of_this_machine_is_mounted() -> None:
    for config in (job(image(volumes=("/data",))), carrier_config(image(), NAMES, LABELS, LABELS)):
        host = config["HostConfig"]
        assert not host.get("Binds")
        assert {mount["Type"] for mount in host["Mounts"]} == {"volume"}
        assert host["NetworkMode"] == "none"
        assert host["LogConfig"] == {"Type": "none"}


def test_an_image_of_nothing_is_enough() -> None:
    facts = ImageFacts.of({"Id": "sha256:1", "Config": None})
    assert facts == ImageFacts(id="sha256:1", environ={}, volumes=(), interpreter=None)
    assert job(facts)["Entrypoint"] == ["python3"]


@pytest.mark.parametrize(
    ("of_cell", "of_image", "used"),
    [
        ("/a/python", "/b/python", "/a/python"),
        (None, "/b/python", "/b/python"),
        (None, None, "python3"),
    ],
)
def test_the_cells_interpreter_comes_first(
    of_cell: str | None, of_image: str | None, used: str
) -> None:
    config = job(image(interpreter=of_image), interpreter=of_cell)
    assert config["Entrypoint"] == [used]
    assert config["Cmd"][0] == "/ckptmatrix/given/cell.pyz"


def test_memory_is_the_tasks_and_the_supervisors_without_swap() -> None:
    host = job(image(), memory_bytes=16_000_000)["HostConfig"]
    assert host["Memory"] == host["MemorySwap"] == 16_000_012
    assert host["PidsLimit"] == 3


def test_an_images_volumes_are_read_only_and_named() -> None:
    of = image(volumes=("/var/b", "/a"))
    mounts = {mount["Target"]: mount for mount in job(of)["HostConfig"]["Mounts"]}
    assert NAMES.stand_ins(of) == {"/a": "g-0", "/var/b": "g-1"}
    for folder, name in NAMES.stand_ins(of).items():
        assert mounts[folder]["Source"] == name
        assert mounts[folder]["ReadOnly"]
        assert mounts[folder]["VolumeOptions"] == {"NoCopy": False, "Labels": LABELS}
    assert mounts["/ckptmatrix/given"]["ReadOnly"]
    assert not mounts["/ckptmatrix/taken"]["ReadOnly"]


def test_gpus_are_given_only_when_asked_for() -> None:
    assert "DeviceRequests" not in job(image())["HostConfig"]
    (request,) = job(image(), gpu=True)["HostConfig"]["DeviceRequests"]
    assert request["Count"] == -1
    assert "gpu" in request["Capabilities"][0]


def test_an_images_variables_are_removed_but_for_where_things_are() -> None:
    of = image("PATH=/conda/bin:/bin", "LD_LIBRARY_PATH=/cuda", "TORCH_HOME=/x", "HOME=/root", "E=")
    variables = environment(of, "/opt/python")
    assert "PATH=/opt:/conda/bin:/bin" in variables
    assert "HOME=/ckptmatrix/scratch" in variables
    # A name without «=» removes it; one that is not named stays as the image has it.
    assert [text for text in variables if "=" not in text] == ["E", "TORCH_HOME"]
    assert not any(text.startswith("LD_LIBRARY_PATH") for text in variables)


def test_an_image_without_a_search_path_gets_the_usual_one() -> None:
    variables = environment(image(), "python3")
    assert "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" in variables


def test_the_program_is_told_when_to_end_by_itself() -> None:
    command = job(image())["Cmd"]
    assert dict(zip(command[1::2], command[2::2], strict=True)) == {
        "--input": "/ckptmatrix/given/input",
        "--output": "/ckptmatrix/taken/output",
        "--scratch": "/ckptmatrix/scratch",
        "--deadline": "90.5",
        "--output-bytes": str(Bounds().output_bytes),
    }
