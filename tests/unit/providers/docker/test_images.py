"""The parts of making images that need no engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.images.recipe import CELL_LABEL, INTERPRETER_LABEL
from ckptmatrix.providers.docker import images as images_module
from ckptmatrix.providers.docker import labels
from ckptmatrix.providers.docker.bases import identity_of
from ckptmatrix.providers.docker.prune import superfluous
from ckptmatrix.providers.docker.users import notes_on
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from pathlib import Path


def test_jobs_read_the_label_that_builds_write() -> None:
    assert labels.INTERPRETER == INTERPRETER_LABEL


def test_a_pulled_image_is_known_by_its_digest_and_a_made_one_by_its_id() -> None:
    pulled = {"Id": "sha256:1", "RepoDigests": ["b@sha256:3", "a@sha256:2"]}
    assert identity_of(pulled) == "a@sha256:2"
    assert identity_of({"Id": "sha256:1", "RepoDigests": None}) == "sha256:1"


def test_the_newest_image_of_each_wanted_cell_stays() -> None:
    images = [
        {"Id": f"{cell}{created}", "Created": created, "Labels": {CELL_LABEL: cell}}
        for cell, created in (("a", 1), ("a", 3), ("a", 2), ("b", 9), ("c", 5))
    ]
    gone = [image["Id"] for image in superfluous(images, {"a", "c", "never-built"})]
    assert gone == ["a2", "a1", "b9"]
    assert superfluous([], {"a"}) == []


def test_what_an_image_brings_is_said_when_it_brings_something() -> None:
    assert notes_on({"Config": None}) == ()
    assert notes_on({"Config": {"Entrypoint": None, "User": "", "Env": ["A=b"]}}) == ()
    (note,) = notes_on({"Config": {"Entrypoint": ["/x", "y"], "Volumes": {"/b": {}, "/a": {}}}})
    assert note.endswith("ENTRYPOINT /x y; VOLUME /a /b")


def test_a_full_disk_is_not_taken_for_the_engines_failure(tmp_path: Path) -> None:
    full = images_module._failed(OSError(28, "No space left on device"), tmp_path)
    assert full.reason is Reason.INSTALL_FAILED
    assert str(tmp_path) in full.message
    assert "free some space" in full.message
    gone = images_module._failed(ConnectionError("Connection aborted."), tmp_path)
    assert "the Docker engine failed" in gone.message
