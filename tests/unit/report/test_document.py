from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from ckptmatrix.judge.outcome import Diagnosis
from ckptmatrix.report.document import document_schema, render_document
from ckptmatrix.report.schema import COLUMNS

if TYPE_CHECKING:
    from ckptmatrix.record import RunRecord


def test_it_is_as_its_schema_says(run: RunRecord) -> None:
    schema = document_schema()
    Draft202012Validator.check_schema(schema)
    told = replace(
        run,
        outcomes=tuple(
            replace(each, diagnosis=Diagnosis(signature="x", cause="y")) for each in run.outcomes
        ),
    )
    for each in (run, told, replace(run, outcomes=())):
        document = json.loads(render_document(each))
        Draft202012Validator(schema).validate(document)
        assert len(document["outcomes"]) == len(each.outcomes)
    assert set(schema["properties"]["outcomes"]["items"]["properties"]) == {
        column.name for column in COLUMNS
    }


@pytest.mark.parametrize("column", ["verdict", "seconds", "warnings"])
def test_another_kind_of_value_is_refused(run: RunRecord, column: str) -> None:
    document = json.loads(render_document(run))
    document["outcomes"][0][column] = {"of": "another kind"}
    assert list(Draft202012Validator(document_schema()).iter_errors(document))
