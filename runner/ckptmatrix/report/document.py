"""A run as one JSON document, and the schema that says what is in it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from ckptmatrix.record import FORMAT, RunRecord
from ckptmatrix.report.schema import COLUMNS, row

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["document_schema", "header", "render_document"]

_RECORD: TypeAdapter[RunRecord] = TypeAdapter(RunRecord)
_TYPES: Mapping[str, Any] = {
    "category": "string",
    "text": "string",
    "json": "array",
    "bool": "boolean",
    "int": "integer",
    "float": "number",
}


def header(run: RunRecord) -> dict[str, Any]:
    """All of a run but its outcomes, as JSON."""
    fields: dict[str, Any] = _RECORD.dump_python(
        replace(run, outcomes=()), mode="json", exclude={"outcomes"}
    )
    return fields


def render_document(run: RunRecord) -> str:
    """``format``, ``run`` (all but the outcomes) and ``outcomes``, one a line.

    Args:
        run: A run that has ended.
    """
    lines = ",\n".join(json.dumps(row(outcome), separators=(",", ":")) for outcome in run.outcomes)
    head = json.dumps(header(run), separators=(",", ":"))
    return f'{{"format":{FORMAT},\n"run":{head},\n"outcomes":[\n{lines}\n]}}\n'


def document_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of :func:`render_document`."""
    run = _RECORD.json_schema(mode="serialization")
    definitions = run.pop("$defs", {})
    run["properties"].pop("outcomes")
    columns = {
        column.name: {
            "type": [_TYPES[column.kind], "null"] if column.nullable else _TYPES[column.kind],
            "description": column.meaning,
        }
        for column in COLUMNS
    }
    outcome = {
        "type": "object",
        "properties": columns,
        "required": list(columns),
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A run of ckptmatrix",
        "type": "object",
        "properties": {
            "format": {"const": FORMAT},
            "run": run,
            "outcomes": {"type": "array", "items": outcome},
        },
        "required": ["format", "run", "outcomes"],
        "additionalProperties": False,
        "$defs": definitions,
    }
