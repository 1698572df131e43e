from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ckptmatrix import shipped
from ckptmatrix.matrix.refresh import refresh, render, table_of
from ckptmatrix.matrix.wheels import WheelFacts, load_facts

if TYPE_CHECKING:
    from ckptmatrix.matrix.wheels import Releases

FILES = [
    ("torch-1.4.0-cp27-cp27mu-manylinux1_x86_64.whl", 1),
    ("torch-1.4.0-cp36-cp36m-manylinux1_x86_64.whl", 2),
    ("torch-1.10.0-cp310-cp310-manylinux1_x86_64.whl", 3),
    ("torch-1.10.0-cp39-cp39-manylinux1_x86_64.whl", 4),
    ("torch-1.9.0-cp39-cp39-macosx_11_0_arm64.whl", 5),
    ("torch-2.0.0-cp311-cp311-manylinux2014_aarch64.whl", 6),
    ("torch-2.0.0-1-cp311-cp311-manylinux2014_aarch64.whl", 7),
    ("torch-2.6.0-cp313-cp313t-manylinux_2_28_x86_64.whl", 8),
    ("torch-2.6.0+cu124-cp313-cp313-linux_x86_64.whl", None),
    ("torch-2.6.0-cp312-cp312-win_amd64.whl", 9),
    ("torch-2.7.0rc1-cp312-cp312-manylinux_2_28_x86_64.whl", 10),
    ("torch-1.0.1.post2-cp36-cp36m-manylinux1_x86_64.whl", 11),
    ("torch-0.1.2.tar.gz", 12),
    ("not a wheel.whl", 13),
]
TABLE: dict[str, Releases] = {
    "x86_64": {
        "1.0.1.post2": {"3.6": 11},
        "1.4.0": {"3.6": 2},
        "1.10.0": {"3.9": 4, "3.10": 3},
        "2.6.0": {"3.13": None},
    },
    "aarch64": {"2.0.0": {"3.11": 7}},
}


def test_table_of_wheels() -> None:
    table = table_of(FILES)
    assert table == TABLE
    assert [list(releases) for releases in table.values()] == [list(r) for r in TABLE.values()]


def test_order_of_the_listing_does_not_matter() -> None:
    assert table_of(reversed(FILES)) == TABLE


def test_rendered_table_reads_back() -> None:
    dates = {"default": "2026-11-22", "cpu": "2026-11-23"}
    text = render({"default": TABLE, "cpu": {}}, dates)
    assert json.loads(text) == {"dates": dates, "builds": {"default": TABLE, "cpu": {}}}


def test_shipped_table_is_as_rendered() -> None:
    text = (shipped.matrices() / "data" / "wheels.json").read_text(encoding="utf-8")
    facts = load_facts()
    assert render(facts.builds, facts.dates) == text
    assert facts.dates.keys() == facts.builds.keys()


def test_an_index_that_does_not_answer_keeps_its_table_and_its_date() -> None:
    facts = WheelFacts(
        builds={"default": {}, "cpu": TABLE},
        cuda={"2.6": ("11.8", "12.4")},
        dates={"default": "2026-01-01", "cpu": "2026-01-02"},
    )
    asked = []

    def read(build: str) -> dict[str, Releases] | None:
        asked.append(build)
        return TABLE if build == "default" else None

    found = refresh(facts, read, today="2026-11-22")
    assert asked == ["default", "cpu"]
    assert found.builds == {"default": TABLE, "cpu": TABLE}
    assert found.dates == {"default": "2026-11-22", "cpu": "2026-01-02"}
    assert found.answers == 1
    assert len(found.said) == 3


def test_every_build_has_the_day_it_was_read() -> None:
    facts = WheelFacts(builds={"default": {}}, cuda={"2.6": ("12.4", "11.8")})
    found = refresh(facts, lambda _: {}, today="2026-11-22")
    assert list(found.dates) == ["default", "cpu", "11.8", "12.4"]
    assert found.answers == 4


def test_an_index_without_torch_does_not_wipe_what_is_known() -> None:
    facts = WheelFacts(builds={"default": TABLE}, cuda={}, dates={"default": "2026-01-01"})
    found = refresh(facts, lambda _: {}, today="2026-11-22")
    assert found.builds["default"] == TABLE
    assert found.dates == {"default": "2026-01-01", "cpu": "2026-11-22"}
