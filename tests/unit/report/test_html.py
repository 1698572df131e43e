from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from ckptmatrix.judge.outcome import Difference
from ckptmatrix.report.html import render_html
from ckptmatrix.words import Mode, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.record import RunRecord

VOID = {"meta", "br"}
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e{{7*7}}{% raw %}]]>-->"


class Page(HTMLParser):
    """Elements, attributes and text, and whether every element is closed by its own end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def page(run: RunRecord) -> Page:
    return Page(render_html(run))


def test_it_is_well_formed_and_accessible(page: Page) -> None:
    assert page.open == []
    assert page.all("html") == [{"lang": "en"}]
    tables = page.all("table")
    assert len(page.all("caption")) == len(tables) > 3
    assert all(head.get("scope") in {"row", "col"} for head in page.all("th"))
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))


def test_every_link_leads_to_a_place_on_the_page(page: Page) -> None:
    ids = {f"#{a['id']}" for _, a in page.elements if "id" in a}
    links = [link["href"] for link in page.all("a")]
    assert len(links) > 9
    assert set(links) <= ids


def test_nothing_is_fetched_and_nothing_runs(run: RunRecord) -> None:
    text = render_html(run)
    page = Page(text)
    names = {name for name, _ in page.elements}
    assert not names & {"script", "link", "img", "iframe", "object", "form", "base", "svg"}
    for _, attributes in page.elements:
        assert not any(name.startswith("on") or name in {"src", "style"} for name in attributes)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policies = [m["content"] for m in page.all("meta") if m.get("http-equiv")]
    assert policies == [
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    ]


def test_a_verdict_is_said_in_words_symbol_and_colour(run: RunRecord) -> None:
    text = render_html(run)
    assert '<td class="changed w7"><a href="#square-2-1">' in text
    assert '<span aria-hidden="true" class="symbol"' not in text
    square = re.search(r'<a href="#square-2-1">.*?</a>', text)
    assert square is not None
    assert Page(square[0]).text == "≠changed 6/8"


def test_a_square_holds_its_evidence(page: Page) -> None:
    assert "numpy_scalarplain, trusted" in re.sub(r"\s+(?=plain)", "", page.text)
    assert "['x']: 1-2j → 1+2j" in page.text
    assert "failed: file_corrupt, 2 loads, as expected file_truncated" in page.text
    assert "No module named 'numpy._core'" in page.text


def test_hostile_text_stays_text_everywhere(
    run: RunRecord, make_outcome: Callable[..., Any]
) -> None:
    bad = make_outcome(
        verdict=Verdict.FAILED,
        reason=Reason.LOAD_ERROR,
        as_expected=False,
        message=EVIL,
        entity=EVIL,
        mode=Mode.PLAIN,
        device=EVIL,
        differences=(Difference(path=EVIL, what=Reason.VALUES_DIFFER, before=EVIL, after=EVIL),),
    )
    facts = run.cells[0].facts
    assert facts is not None
    evil_facts = facts.model_copy(
        update=dict.fromkeys(("python", "torch", "numpy", "machine", "libc"), EVIL)
    )
    cell = replace(
        run.cells[0],
        declared=EVIL,
        facts=evil_facts,
        message=EVIL,
        notes=(EVIL,),
        trusted=False,
        distrust=EVIL,
    )
    text = render_html(
        replace(
            run,
            matrix=EVIL,
            provider_note=EVIL,
            ckptmatrix=EVIL,
            cells=(cell, *run.cells[1:]),
            cases=run.cases | {"evil": (EVIL, EVIL)},
            outcomes=(*run.outcomes, bad),
        )
    )
    page = Page(text)
    assert page.open == []
    assert not {name for name, _ in page.elements} & {"script", "img"}
    assert not any(name.startswith("on") for _, a in page.elements for name in a)
    assert "\u202e" not in text
    assert "<script>alert(1)</script>" in page.text
    assert "{{7*7}}" in page.text


def test_a_megabyte_is_cut(run: RunRecord, make_outcome: Callable[..., Any]) -> None:
    bad = [
        make_outcome(
            consumer=consumer.id,
            verdict=Verdict.FAILED,
            reason=Reason.LOAD_ERROR,
            as_expected=False,
            message="<&\x00" * 400_000,
        )
        for consumer in run.cells
    ]
    assert len(render_html(replace(run, outcomes=(*run.outcomes, *bad)))) < 100_000


def test_evidence_is_bounded_for_the_whole_page(
    run: RunRecord, make_outcome: Callable[..., Any]
) -> None:
    bad = tuple(
        make_outcome(
            producer=producer.id,
            consumer=consumer.id,
            case=f"case_{number}",
            verdict=Verdict.FAILED,
            reason=Reason.LOAD_ERROR,
            as_expected=False,
            message=f"message {number}",
        )
        for producer in run.cells
        for consumer in run.cells
        for number in range(1500)
    )
    text = render_html(replace(run, outcomes=bad))
    assert text.count('<bdi class="mono">message') <= 6_000
    assert "more in <code>outcomes.parquet</code>" in text


def test_a_run_with_nothing_in_it_has_a_page(change_run: Callable[..., RunRecord]) -> None:
    page = Page(render_html(change_run(outcomes=(), cells=(), cases={}, ended=None)))
    assert "Nothing: every load is as expected." in page.text


def test_an_interrupted_run_says_so(change_run: Callable[..., RunRecord]) -> None:
    assert "The run was interrupted" in Page(render_html(change_run(status="interrupted"))).text
