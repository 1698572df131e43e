"""Whatever a file says, the answer is a matrix or an error that explains itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ckptmatrix.errors import MatrixError
from ckptmatrix.matrix import schema
from ckptmatrix.matrix.load import load_matrix

if TYPE_CHECKING:
    from pathlib import Path

MODELS = (
    schema.MatrixFile,
    schema.Axes,
    schema.Exclude,
    schema.Include,
    schema.Cases,
    schema.Limits,
    schema.Build,
    schema.Host,
)
KEYS = sorted({name for model in MODELS for name in model.model_fields})
TEXTS = ["", "3.11", "2.6.0", "cpu", "any", "<2", ">=3.12", "4GB", "60s", "x/y", "$NAME", "{python"]
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(TEXTS)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=8,
)
TOP = st.sampled_from(sorted(schema.MatrixFile.model_fields))
FILES = st.dictionaries(TOP, VALUES, max_size=5) | VALUES


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=FILES)
def test_any_data_is_loaded_or_explained(tmp_path: Path, data: Any) -> None:
    path = tmp_path / "any.yaml"
    path.write_text(yaml.safe_dump(data, allow_unicode=True, width=10_000), encoding="utf-8")
    try:
        matrix = load_matrix(path, environ={})
    except MatrixError as error:
        problems = error.problems
    else:
        assert matrix.cells
        return
    assert problems
    for problem in problems:
        assert problem.message
        assert "input should" not in problem.message.lower()
        assert "validation error" not in problem.message


@pytest.mark.parametrize("text", ["~", "null", "--- \n", "''"])
def test_file_without_content(tmp_path: Path, text: str) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MatrixError, match=r"the matrix (is empty|must be a mapping)"):
        load_matrix(path, environ={})
