from __future__ import annotations

import json

from ckptmatrix.images.bakefile import bake_file
from ckptmatrix.images.recipe import Base, Settings, make_recipe
from ckptmatrix.matrix.cell import Cell

BASE = Base(name="debian:sid-slim", identity="sha256:" + "a" * 64)
SID = make_recipe(Cell(id="debian-sid", debian="sid"), Settings(), BASE)
WHEELS = make_recipe(
    Cell(id="py3.11-torch2.6.0-cpu", python="3.11", torch="2.6.0", cuda="cpu"),
    Settings(proxies={"http_proxy": "http://user:${secret}%{x}@proxy.example"}),
    BASE,
    lock="torch==2.6.0 --hash=sha256:00\n",
)


def test_one_target_a_cell_whatever_the_order() -> None:
    file = bake_file([WHEELS, SID])
    assert file == bake_file([SID, WHEELS])
    assert file["group"]["default"]["targets"] == [SID.target, WHEELS.target]
    assert json.loads(json.dumps(file)) == file


def test_a_target_says_everything_that_is_to_be_built() -> None:
    assert bake_file([SID])["target"][SID.target] == {
        "context": SID.target,
        "dockerfile-inline": SID.buildkit_dockerfile,
        "tags": [SID.tag],
        "platforms": ["linux/amd64"],
        "args": {},
        "output": ["type=docker"],
    }


def test_bake_finds_no_templates_in_what_is_not_ours() -> None:
    arguments = bake_file([WHEELS])["target"][WHEELS.target]["args"]
    assert arguments["HTTP_PROXY"] == "http://user:$${secret}%%{x}@proxy.example"
