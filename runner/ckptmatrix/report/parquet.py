"""Outcomes as Parquet. The only module that imports pyarrow."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

from ckptmatrix.report.schema import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pandas as pd

__all__ = ["read_parquet", "to_parquet"]


def to_parquet(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A Parquet file of outcomes.

    Arrow's own JSON reader makes the table: building columns from Python lists would import pandas,
    which takes longer than everything else a run has to do at its end.

    Args:
        rows: As :func:`ckptmatrix.report.schema.row` gives them.
    """
    import pyarrow as pa  # noqa: PLC0415 - takes a quarter of a second
    from pyarrow import json as arrow_json  # noqa: PLC0415 - as above
    from pyarrow import parquet  # noqa: PLC0415 - as above

    types = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}
    schema = pa.schema(
        [
            pa.field(column.name, types.get(column.kind, pa.string()), nullable=column.nullable)
            for column in COLUMNS
        ]
    )
    lines = [json.dumps(_flat(fields)).encode("ascii") for fields in rows]
    if lines:
        table = arrow_json.read_json(
            BytesIO(b"\n".join(lines)),
            read_options=arrow_json.ReadOptions(
                # A line must not be longer than a block.
                block_size=max(1 << 20, 2 * max(map(len, lines)))
            ),
            parse_options=arrow_json.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="error"
            ),
        )
    else:
        table = pa.Table.from_batches([], schema=schema)
    for position, column in enumerate(COLUMNS):
        if column.kind == "category":
            encoded = table.column(position).dictionary_encode()
            table = table.set_column(position, column.name, encoded)
    sink = BytesIO()
    parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def read_parquet(path: Path) -> pd.DataFrame:
    """The table that :func:`to_parquet` wrote, its categories not yet in order.

    Raises:
        OSError: It cannot be read.
        ValueError: It is not a Parquet file.
    """
    from pyarrow import parquet  # noqa: PLC0415 - takes a quarter of a second

    frame: pd.DataFrame = parquet.read_table(path).to_pandas()
    return frame


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        column.name: json.dumps(fields[column.name])
        if column.kind == "json"
        else fields[column.name]
        for column in COLUMNS
    }
