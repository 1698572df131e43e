from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from ckptmatrix.providers.docker.labels import OWNER, Owner, new_name, owner_of

#: What the engine allows in names.
ENGINE_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


def test_this_process_lives() -> None:
    owner = Owner.this_process()
    assert owner.pid == os.getpid()
    assert not owner.is_gone()


def test_a_label_is_read_back() -> None:
    owner = Owner.this_process()
    assert Owner.parse(owner.label) == owner
    assert owner_of({OWNER: owner.label}) == owner


@pytest.mark.parametrize("label", ["", "a|b|c", "a|b|c|d", "a|b|-1|d", "a|b|1|d|e"])
def test_a_label_of_another_kind_names_nobody(label: str) -> None:
    assert Owner.parse(label) is None
    assert owner_of({OWNER: label}) is None


def test_nobody_is_named_without_a_label() -> None:
    assert owner_of({}) is None


def test_a_process_that_ended_is_gone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = replace(Owner.this_process(), pid=process.pid)
    process.communicate()
    assert owner.is_gone()


@pytest.mark.skipif(sys.platform != "linux", reason="start times and boots are Linux's")
class TestLinux:
    def test_a_number_that_was_used_again_is_gone(self) -> None:
        assert replace(Owner.this_process(), started="1").is_gone()

    def test_an_earlier_boot_is_gone(self) -> None:
        namespace = Owner.this_process().boot.partition(".")[2]
        assert replace(Owner.this_process(), boot=f"000000000000.{namespace}").is_gone()

    def test_another_namespace_of_this_boot_cannot_be_seen(self) -> None:
        boot = Owner.this_process().boot.partition(".")[0]
        assert not replace(Owner.this_process(), boot=f"{boot}.1", pid=2**22 + 1).is_gone()


def test_another_machine_cannot_be_seen() -> None:
    assert not replace(Owner.this_process(), host="elsewhere", pid=2**22 + 1).is_gone()


@pytest.mark.parametrize("job", ["py3.11-torch2.6.0-cpu-load-2", "", "ü / .. $(x)", "x" * 500])
def test_names_are_the_engines_and_new(job: str) -> None:
    names = {new_name(job, "job") for _ in range(20)}
    assert len(names) == 20
    for name in names:
        assert ENGINE_NAME.fullmatch(name)
        assert name.startswith("ckptmatrix-")
        assert len(name) < 128
