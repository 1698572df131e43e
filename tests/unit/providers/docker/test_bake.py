from __future__ import annotations

import pytest

from ckptmatrix.providers.docker.bake import BakeLog

#: As buildx 0.13.1 prints it for an engine of Docker 20.10, shortened.
TWO = """\
#0 building with "default" instance using docker driver

#1 [internal] load local bake definitions
#1 DONE 0.0s

#5 [b_12 internal] load metadata for docker.io/library/python:3.11-slim
#5 DONE 0.0s

#7 [b_12 1/3] FROM docker.io/library/python:3.11-slim
#7 CACHED

#7 [a_12 1/3] FROM docker.io/library/python:3.11-slim
#7 CACHED

#10 [a_12 wheels 2/2] RUN sleep 1; echo hi a
#10 CANCELED

#11 [b_12 3/3] RUN echo oops b; exit 7
#11 0.408 oops b
#11 ERROR: executor failed running [/bin/sh -c echo oops b; exit 7]: exit code: 7
------
 > [b_12 3/3] RUN echo oops b; exit 7:
0.408 oops b
------
ERROR: failed to solve: executor failed running [/bin/sh -c echo oops b; exit 7]: exit code: 7
"""
ONE = TWO.replace("[b_12 ", "[").replace("[a_12 ", "[")


def fed(text: str, *targets: str) -> tuple[BakeLog, list[tuple[str, str]]]:
    said: list[tuple[str, str]] = []
    log = BakeLog(targets, lambda *words: said.append(words))
    for line in text.splitlines():
        log.feed(line)
    return log, said


def test_the_target_that_failed_is_named_and_quoted() -> None:
    log, said = fed(TWO, "a_12", "b_12")
    assert log.failed == {"b_12"}
    assert log.of("b_12").splitlines()[-2:] == [
        "oops b",
        "ERROR: executor failed running [/bin/sh -c echo oops b; exit 7]: exit code: 7",
    ]
    assert said == [
        ("b_12", "building, step 1 of 3"),
        ("a_12", "building, step 1 of 3"),
        ("a_12", "building, step 2 of 2"),
        ("b_12", "building, step 3 of 3"),
    ]


def test_a_target_alone_is_not_named() -> None:
    log, said = fed(ONE, "b_12")
    assert log.failed == {"b_12"}
    assert "oops b" in log.of("b_12")
    assert said[-1] == ("b_12", "building, step 3 of 3")


def test_newer_buildx_names_the_target_in_its_last_line() -> None:
    log, _ = fed("ERROR: target a_12: failed to solve: no such base\n", "a_12", "b_12")
    assert log.failed == {"a_12"}
    assert "no such base" in log.of("a_12")


@pytest.mark.parametrize("text", ["", "ERROR: no builder found\n", "#x [a_12 1/2] y\n#9 z\n"])
def test_a_failure_of_nobody_is_everybodys(text: str) -> None:
    log, said = fed(text, "a_12", "b_12")
    assert log.failed == frozenset()
    assert said == []
    assert text.startswith("ERROR") is ("no builder" in log.of("a_12"))
