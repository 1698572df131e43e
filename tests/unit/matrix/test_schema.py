from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ckptmatrix import shipped
from ckptmatrix.matrix.schema import json_schema

PUBLISHED = shipped.matrices() / "schema" / "matrix.v1.json"
WRONG = Path(__file__).parent / "wrong"
#: What an editor can see is wrong: not what needs other files, other entries, or YAML's own rules.
SEEN_BY_EDITORS = ["numbers", "unknown_keys", "versions", "shapes", "not_a_mapping", "names"]


def validator() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    return jsonschema.Draft202012Validator(json_schema())


def data_of(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_published_schema_is_that_of_the_code() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == json_schema(), "run: make schema"


@pytest.mark.parametrize("path", sorted(shipped.matrices().glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_matrices_follow_it(path: Path) -> None:
    validator().validate(data_of(path))
    assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=schema/")


@pytest.mark.parametrize("name", SEEN_BY_EDITORS)
def test_editors_see_what_is_wrong(name: str) -> None:
    assert list(validator().iter_errors(data_of(WRONG / f"{name}.yaml")))


def test_every_key_is_described() -> None:
    schema = json_schema()
    models = [schema, *schema["$defs"].values()]
    undescribed = [
        f"{model['title']}.{name}"
        for model in models
        for name, entry in model["properties"].items()
        if "description" not in json.dumps(entry) and "$ref" not in json.dumps(entry)
    ]
    assert undescribed == []


def test_schema_loads_quickly() -> None:
    code = """
import time, yaml, packaging.requirements, ckptmatrix.wire
start = time.process_time()
import ckptmatrix.matrix.load
print(time.process_time() - start)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 0.2
