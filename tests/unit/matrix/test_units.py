from __future__ import annotations

import pytest

from ckptmatrix.matrix.units import parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4GB", 4_000_000_000),
        ("512MB", 512_000_000),
        ("2GiB", 2 * 1024**3),
        ("1.5 kB", 1_500),
        ("1KB", 1_000),
        ("7B", 7),
        ("1TB", 10**12),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["4", "4G", "GB", "-1GB", "4 gigabytes", "4GBs", "", "1e3MB"])
def test_not_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "expected"), [("60s", 60), ("5m", 300), ("1.5h", 5400), ("500ms", 0.5), ("2 s", 2)]
)
def test_durations(text: str, expected: float) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["60", "s", "-1s", "1 minute", "1d", "", "1m30s"])
def test_not_durations(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)
