"""A check for people: one story a file, as a terminal or Markdown shows it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from ckptmatrix.archive.reading import Format
from ckptmatrix.matrix.cell import release_of
from ckptmatrix.report.text import counted_noun, encodable, listed, plain
from ckptmatrix.words import Mode, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console

    from ckptmatrix.archive.reading import Requirement
    from ckptmatrix.run.check_record import CheckedFile, CheckedLoad, CheckedModel, CheckRecord

__all__ = ["check_markdown", "print_check"]

_STYLES = {
    Verdict.OK: "green",
    Verdict.CHANGED: "bold magenta",
    Verdict.FAILED: "red",
    Verdict.UNSUPPORTED: "dim",
    Verdict.ERROR: "yellow",
    Verdict.ABORTED: "dim",
}
_PROGRAMS = {Format.TORCHSCRIPT, Format.EXPORT}
_DIFFERENCES = 5
_NAMES = 5


class Line(NamedTuple):
    """A line of the story; what is deeper explains what is above it."""

    text: str
    depth: int = 0
    style: str = ""


def print_check(record: CheckRecord, console: Console) -> None:
    """Print what a check found.

    Args:
        record: What to print.
        console: Where.
    """
    for file in record.files:
        console.print()
        for line in _head(file):
            console.print(_as_text(line), soft_wrap=True)
        console.print(_table(record, file))
        for line in _story(record, file):
            console.print(_as_text(line), soft_wrap=True)


def check_markdown(record: CheckRecord) -> str:
    """What a check found, as a page."""
    lines = [f"# Check {record.id}", ""]
    for file in record.files:
        lines += [f"## {_escaped(plain(file.path))}", ""]
        lines += [_as_item(line) for line in _head(file)[1:]]
        modes = _modes(file)
        lines += ["", f"| cell | {' | '.join(modes)} |", f"|---|{'---|' * len(modes)}"]
        for cell, squares in _rows(record, file):
            shown = " | ".join("" if load is None else _square(load) for load in squares)
            lines.append(f"| {_escaped(cell)} | {shown} |")
        lines.append("")
        lines += [_as_item(line) for line in _story(record, file)]
        lines.append("")
    return "\n".join(lines)


def _as_text(line: Line) -> Text:
    return Text("  " * line.depth + encodable(plain(line.text, 600)), line.style)


def _as_item(line: Line) -> str:
    return "  " * line.depth + "- " + _escaped(plain(line.text, 600))


def _escaped(text: str) -> str:
    """Markdown and HTML as themselves."""
    for mark in "\\`*_[]<>|#":
        text = text.replace(mark, f"\\{mark}")
    return encodable(text)


def _head(file: CheckedFile) -> list[Line]:
    reading = file.reading
    facts = [reading.format.value, f"{reading.bytes:,} bytes"]
    if reading.tensor_count:
        facts.append(counted_noun(reading.tensor_count, "tensor"))
    if reading.root:
        facts.append(reading.root)
    lines = [Line(f"{file.path}: {', '.join(facts)}", style="bold")]
    lines.append(Line(f"sha256 {file.sha256}", 1, "dim"))
    lines += [Line(f"written by {clue}", 1) for clue in reading.written_by[:_NAMES]]
    for need in _strictest(reading.requirements):
        bounds = [
            f"≥ {need.at_least}" if need.at_least else "",
            f"< {need.below}" if need.below else "",
        ]
        bound = " and ".join(filter(None, bounds))
        lines.append(Line(f"needs {need.of} {bound}: {need.evidence}", 1))
    lines += [Line(f"defect: {defect}", 1, "red") for defect in reading.defects[:_NAMES]]
    return lines + list(_sidecar(file))


def _strictest(needs: Iterable[Requirement]) -> list[Requirement]:
    """Of those that want a version at least, the highest; all others."""
    highest: dict[str, Requirement] = {}
    others = []
    for need in needs:
        if need.below or not need.at_least:
            others.append(need)
            continue
        known = highest.get(need.of)
        if known is None or release_of(need.at_least) > release_of(known.at_least):
            highest[need.of] = need
    return [*highest.values(), *others]


def _sidecar(file: CheckedFile) -> Iterator[Line]:
    if file.sidecar_problem:
        yield Line(f"sidecar: {file.sidecar_problem}", 1, "yellow")
        return
    made = file.sidecar
    if made is None:
        return
    here = made.environment
    parts = [
        f"torch {here.torch}" if here.torch else "",
        f"CUDA {here.cuda}" if here.cuda else "",
        f"Python {here.python}" if here.python else "",
        f"NumPy {here.numpy}" if here.numpy else "",
        f"commit {made.git.commit[:12]}{' (dirty)' if made.git.dirty else ''}" if made.git else "",
        made.written.date().isoformat() if made.written else "",
    ]
    yield Line(f"sidecar: made with {', '.join(filter(None, parts)) or 'nothing it names'}", 1)
    for cell, differs in list(file.other_environments.items())[:_NAMES]:
        parts = [f"{name} {before} → {there}" for name, (before, there) in differs.items()]
        yield Line(f"{cell} is another environment: {', '.join(parts)}", 2, "dim")


def _modes(file: CheckedFile) -> list[Mode]:
    return [mode for mode in Mode if any(load.mode is mode for load in file.loads)]


def _rows(record: CheckRecord, file: CheckedFile) -> Iterator[tuple[str, list[CheckedLoad | None]]]:
    by_place: dict[tuple[str, str], dict[Mode, CheckedLoad]] = defaultdict(dict)
    for load in file.loads:
        by_place[load.cell, load.device][load.mode] = load
    devices = {device for _, device in by_place}
    modes = _modes(file)
    for cell in record.cells:
        for (name, device), loads in by_place.items():
            if name == cell.id:
                shown = f"{name} on {device}" if len(devices) > 1 else name
                yield shown, [loads.get(mode) for mode in modes]


def _table(record: CheckRecord, file: CheckedFile) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("loaded in", no_wrap=True)
    for mode in _modes(file):
        table.add_column(mode.value, justify="center")
    for cell, squares in _rows(record, file):
        texts = [
            Text("") if load is None else Text(_square(load), _STYLES[load.judgement.verdict])
            for load in squares
        ]
        table.add_row(encodable(plain(cell)), *texts)
    return table


def _square(load: CheckedLoad) -> str:
    return load.judgement.verdict.symbol + ("~" if load.judgement.flaky else "")


def _story(record: CheckRecord, file: CheckedFile) -> Iterator[Line]:
    yield from _who(file)
    yield from _changed(record, file)
    yield from _failed(record, file)
    yield from _unmeasured(record, file)
    yield from _predicted(file)
    yield from _continuing(file)
    if record.model:
        yield from _models(record, file)


def _who(file: CheckedFile) -> Iterator[Line]:
    cells = list(dict.fromkeys(load.cell for load in file.loads))
    able = [cell for cell in cells if file.loads_in(cell)]
    unable = [cell for cell in cells if file.loads_in(cell) is False]
    if not able and not unable:
        yield Line("no cell could be asked", style="yellow")
        return
    what = f"{len(able)} of {counted_noun(len(able) + len(unable), 'cell')} can load it"
    if unasked := len(cells) - len(able) - len(unable):
        what += f"; {unasked} could not be asked"
    yield Line(what, style="green" if able and not unable else "red")
    if unable and able:
        yield Line(f"these cannot: {listed(unable, 8)}", 1)
    if len(file.groups) > 1:
        sizes = "; ".join(listed(group) for group in file.groups[:_NAMES])
        yield Line(f"they do not agree on what is in it: {sizes}", style="bold magenta")
        return
    compared = {load.cell for load in file.loads if load.judgement.verdict is Verdict.OK}
    if len(compared) > 1:
        who = "all that load it" if compared.issuperset(able) else "those that can be compared"
        yield Line(f"{who} see the same, bit for bit", style="green")


def _changed(record: CheckRecord, file: CheckedFile) -> Iterator[Line]:
    for judged, where in _alike(record, file, Verdict.CHANGED):
        yield Line(f"≠ {where}: other than in {listed(file.groups[0])}", style="bold magenta")
        differences = judged.judgement.differences
        for each in differences[:_DIFFERENCES]:
            place = each.path or "the object itself"
            yield Line(f"{each.what.value} at {place}: {each.before} → {each.after}", 1)
        if len(differences) > _DIFFERENCES:
            yield Line(f"and {len(differences) - _DIFFERENCES} more", 1, "dim")
        yield from _advice(judged)


def _failed(record: CheckRecord, file: CheckedFile) -> Iterator[Line]:
    for judged, where in _alike(record, file, Verdict.FAILED):
        diagnosis = judged.diagnosis
        known = diagnosis is not None and diagnosis.is_known
        cause = diagnosis.cause if diagnosis is not None and known else judged.judgement.message
        yield Line(f"✗ {where}: {cause}", style="red")
        if known:
            yield Line(judged.judgement.message.partition("\n")[0], 1, "dim")
        yield from _advice(judged)


def _advice(load: CheckedLoad) -> Iterator[Line]:
    if load.diagnosis is None:
        return
    for cure in load.diagnosis.cures:
        seen = " (verified here)" if cure.verified else ""
        yield Line(f"{cure.where}: {cure.text}{seen}", 1)
    if load.diagnosis.reference:
        yield Line(f"see {load.diagnosis.reference}", 1, "dim")


def _unmeasured(record: CheckRecord, file: CheckedFile) -> Iterator[Line]:
    for judged, where in _alike(record, file, Verdict.ERROR):
        yield Line(f"! {where}: {judged.judgement.message}", style="yellow")
    for judged, where in _alike(record, file, Verdict.UNSUPPORTED):
        yield Line(f"– {where}: {judged.judgement.message}", style="dim")
    if file.reading.format is Format.SAFETENSORS and not any(load.loads for load in file.loads):
        yield Line("give cells of the matrix `packages: [safetensors]` to load it there", 1)


def _alike(
    record: CheckRecord, file: CheckedFile, verdict: Verdict
) -> Iterator[tuple[CheckedLoad, str]]:
    """Loads of a verdict, those with the same words together: one of them, and where all are.

    Words that differ only in the version of the cell's own torch are the same.
    """
    releases = {
        cell.id: cell.facts.torch.partition("+")[0]
        for cell in record.cells
        if cell.facts is not None and cell.facts.torch
    }
    found: dict[tuple[object, ...], list[CheckedLoad]] = defaultdict(list)
    for load in file.loads:
        if load.judgement.verdict is verdict:
            neutral = _neutral(load, releases.get(load.cell, ""))
            diagnosis = neutral.diagnosis
            words: tuple[object, ...] = (neutral.judgement.message,)
            if diagnosis is not None and diagnosis.is_known:
                words = (diagnosis.cause, diagnosis.cures)
            found[load.judgement.reason, words, load.judgement.differences].append(load)
    for same in found.values():
        by_modes: dict[tuple[Mode, ...], list[str]] = defaultdict(list)
        for cell in dict.fromkeys(load.cell for load in same):
            modes = dict.fromkeys(load.mode for load in same if load.cell == cell)
            by_modes[tuple(modes)].append(cell)
        where = "; ".join(
            f"{listed(cells)} ({', '.join(modes)})" for modes, cells in by_modes.items()
        )
        several = len({load.cell for load in same}) > 1
        first = same[0]
        yield _neutral(first, releases.get(first.cell, "")) if several else first, where


def _neutral(load: CheckedLoad, release: str) -> CheckedLoad:
    """A load whose words do not name the version of the cell's own torch."""
    if not release or load.diagnosis is None:
        return load

    def said(text: str) -> str:
        return text.replace(f"torch {release}", "its torch")

    cures = tuple(replace(cure, text=said(cure.text)) for cure in load.diagnosis.cures)
    diagnosis = replace(load.diagnosis, cause=said(load.diagnosis.cause), cures=cures)
    return replace(load, diagnosis=diagnosis)


def _predicted(file: CheckedFile) -> Iterator[Line]:
    """How often the file alone had said what would happen, and where it was wrong."""
    asked = [
        load
        for load in file.loads
        if load.prediction is not None
        and load.judgement.verdict in {Verdict.OK, Verdict.CHANGED, Verdict.FAILED}
    ]
    if not asked:
        return
    wrong = [load for load in asked if not _came_true(load)]
    text = f"predicted from the file alone: {len(asked) - len(wrong)} of {len(asked)} right"
    yield Line(text, style="dim")
    for load in wrong[:_DIFFERENCES]:
        said = load.prediction.reason if load.prediction is not None else None
        happened = load.judgement.reason.value if load.judgement.reason else "it loads"
        foretold = said.value if said else "it loads"
        yield Line(f"{load.cell} ({load.mode}): predicted {foretold}; seen: {happened}", 1, "dim")


def _came_true(load: CheckedLoad) -> bool:
    foretold = load.prediction.reason if load.prediction is not None else None
    failed = load.judgement.verdict is Verdict.FAILED
    return foretold == (load.judgement.reason if failed else None)


def _continuing(file: CheckedFile) -> Iterator[Line]:
    found = file.continuation
    if file.reading.format in _PROGRAMS:
        yield Line("it is a program: it runs, and training does not go on from it")
        return
    if found.only_weights:
        yield Line("to continue training it has only weights")
        yield Line(f"it lacks {', '.join(part.phrase for part in found.missing)}", 1)
        return
    present = [
        f"{part.phrase} ({plain(place, 60)})" if place else part.phrase
        for part, place in found.present.items()
    ]
    yield Line(f"to continue training it has {', '.join(present) or 'nothing'}")
    for part in found.missing:
        yield Line(f"lacks {part.phrase}: {part.without}", 1)


def _models(record: CheckRecord, file: CheckedFile) -> Iterator[Line]:
    yield Line(f"into {record.model}:")
    if not file.models:
        yield Line("no cell loads the file, so nothing can go into the model", 1)
    alike: dict[tuple[object, ...], list[CheckedModel]] = defaultdict(list)
    for each in file.models:
        alike[each.fitting, each.problem].append(each)
    for same in alike.values():
        cells = listed(dict.fromkeys(each.cell for each in same))
        yield from _one_model(same[0], cells)


def _one_model(checked: CheckedModel, cells: str) -> Iterator[Line]:
    if checked.fitting is None or checked.fit is None:
        yield Line(f"! {cells}: {checked.problem}", 1, "yellow")
        return
    fitting = checked.fitting
    mark, style = ("✓", "green") if fitting.loads else ("✗", "red")
    yield Line(f"{mark} {cells}: {fitting.sentence}", 1, style)
    if fitting.cause:
        yield Line(f"because {fitting.cause}", 2)
    if fitting.cure:
        yield Line(f"write {fitting.cure}{'  (verified here)' if fitting.verified else ''}", 2)
    if not fitting.loads and not fitting.verified and checked.fit.tries:
        last = checked.fit.tries[-1]
        for what, those in (
            ("loaded", last.loaded),
            ("missing", last.missing),
            ("unexpected", last.unexpected),
            ("of another size", last.sizes),
        ):
            if those.count:
                names = _counted_names(those.names, those.count)
                yield Line(f"{those.count} {what}: {names}", 2, "dim")


def _counted_names(names: Iterable[str], count: int) -> str:
    shown = list(names)[:_NAMES]
    more = count - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
