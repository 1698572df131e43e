"""A reading for people, as a terminal shows it.

Everything in it is the file's own word: it is shown as one plain line, without markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from ckptmatrix.archive.reading import Format
from ckptmatrix.report.text import counted_noun, listed, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rich.console import Console

    from ckptmatrix.archive.reading import Danger, Reading, Requirement, TensorEntry
    from ckptmatrix.sidecar import SidecarAnswer

__all__ = ["print_reading"]

_WHAT = {
    Format.ZIP: "a checkpoint of torch.save, a zip archive",
    Format.LEGACY: "a checkpoint of torch.save in the format before 1.6",
    Format.TAR: "a checkpoint of torch.save before 0.1.10, a tar archive",
    Format.TORCHSCRIPT: "a TorchScript program: torch.jit.load reads it",
    Format.EXPORT: "a program of torch.export: torch.export.load reads it",
    Format.PACKAGE: "a package of torch.package: torch.package.PackageImporter reads it",
    Format.SAFETENSORS: "a safetensors file",
    Format.DCP: "a folder of torch.distributed.checkpoint",
    Format.PICKLE: "a pickle that torch.save did not write",
    Format.HTML: "a web page",
    Format.LFS_POINTER: "a Git LFS pointer",
    Format.EMPTY: "an empty file",
    Format.OTHER: "no checkpoint of torch",
    Format.UNKNOWN: "nothing that is known here",
}
_TENSORS = 20
_KEYS = 12
_NAMES = 20
_SENTENCES = 20
_LEVELS = {"code": "red", "import": "yellow", "odd": "yellow"}
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
_KIBI = 1024


def print_reading(
    console: Console,
    path: Path,
    reading: Reading,
    sidecar: SidecarAnswer,
    note: str,
    *,
    every_tensor: bool,
) -> None:
    """Print what a file says of itself, what matters most first.

    Args:
        console: Where.
        path: The file.
        reading: What it says.
        sidecar: What lies beside it and is believed.
        note: What is to be known of the sidecar.
        every_tensor: Whether all tensors are printed.
    """
    _line(console, plain(str(path)), style="bold", indent=0)
    _line(console, _summary(reading))
    _section(console, "wrong", _wrong(reading), style="red")
    _section(console, "needs", _needs(reading.requirements))
    dangers = sorted(reading.dangers, key=lambda each: list(_LEVELS).index(each.level))
    if dangers or reading.unfollowed:
        _line(console, "unsafe", style="bold")
        for danger in _first(dangers, console):
            where = f"{danger.level}: {plain(danger.what, 150)}: {plain(danger.why)}"
            _line(console, where, style=_LEVELS[danger.level], indent=4)
    if reading.unfollowed:
        _line(
            console, f"not known to its end: {plain(reading.unfollowed)}", style="yellow", indent=4
        )
    _section(console, "written by", (plain(clue) for clue in reading.written_by))
    _section(console, "sidecar", _sidecar(sidecar, note))
    _section(console, "contents", _contents(reading))
    _section(console, "tensors", _tensors(reading, every=every_tensor))
    _section(console, "looks up", _names(reading))
    console.print()


def _line(console: Console, text: str, *, style: str = "", indent: int = 2) -> None:
    console.print(Text(" " * indent + text, style=style), soft_wrap=True)


def _section(console: Console, title: str, lines: Iterable[str], *, style: str = "") -> None:
    every = list(lines)
    if every:
        _line(console, title, style=f"bold {style}".strip())
        for line in every:
            _line(console, line, style=style, indent=4)


def _first(items: list[Danger], console: Console) -> list[Danger]:
    if len(items) > _SENTENCES:
        _line(console, f"{len(items)} in all; the first {_SENTENCES} are", indent=4)
    return items[:_SENTENCES]


def _size(count: int) -> str:
    value, unit = float(count), 0
    while value >= _KIBI and unit < len(_UNITS) - 1:
        value /= _KIBI
        unit += 1
    return f"{count:,} bytes" if unit == 0 else f"{value:,.1f} {_UNITS[unit]}"


def _summary(reading: Reading) -> str:
    parts = [_WHAT[reading.format]]
    if reading.note:
        parts = [plain(reading.note)] if reading.format is Format.OTHER else [*parts, reading.note]
    parts.append(_size(reading.bytes))
    if reading.protocol is not None:
        parts.append(f"pickle protocol {reading.protocol}")
    if reading.byteorder:
        parts.append(f"{reading.byteorder} endian")
    if reading.version:
        parts.append(f"format version {plain(reading.version, 50)}")
    return ", ".join(parts)


def _wrong(reading: Reading) -> Iterator[str]:
    for defect in reading.defects[:_SENTENCES]:
        yield plain(defect, 500)
    if len(reading.defects) > _SENTENCES:
        yield f"and {len(reading.defects) - _SENTENCES} more"
    if reading.incomplete:
        yield f"not read to its end: {plain(reading.incomplete)}"


def _needs(requirements: tuple[Requirement, ...]) -> Iterator[str]:
    for each in requirements[:_SENTENCES]:
        bounds = [f"≥ {each.at_least}"] if each.at_least else []
        bounds += [f"< {each.below}"] if each.below else []
        yield f"{each.of} {', '.join(bounds)}: {plain(each.evidence)} ({plain(each.reference)})"
    if len(requirements) > _SENTENCES:
        yield f"and {len(requirements) - _SENTENCES} more facts"


def _sidecar(answer: SidecarAnswer, note: str) -> Iterator[str]:
    if note:
        yield plain(note)
    if answer.sidecar is None:
        return
    made = answer.sidecar.environment
    for name in ("torch", "cuda", "python", "numpy", "platform", "machine"):
        value = getattr(made, name)
        if value:
            yield f"{name} {plain(value)}"
    git = answer.sidecar.git
    if git is not None:
        yield f"git {git.commit}{' with uncommitted changes' if git.dirty else ''}"
    model = answer.sidecar.architecture
    if model is not None and model.model:
        yield f"model {plain(model.model)}, {counted_noun(model.count, 'tensor')}"


def _contents(reading: Reading) -> Iterator[str]:
    if reading.root:
        yield f"object: {plain(reading.root)}"
    if reading.keys:
        yield f"keys: {listed((plain(key, 60) for key in reading.keys), _KEYS)}"
    if reading.storages or reading.tensor_bytes:
        yield f"bytes of tensors: {_size(reading.tensor_bytes)}"
    devices = sorted({storage.device for storage in reading.storages})
    if devices:
        yield f"devices: {listed((plain(each, 40) for each in devices), _KEYS)}"
    for name, value in list(reading.details.items())[:_SENTENCES]:
        yield f"{plain(name, 60)}: {plain(value, 200)}"


def _tensors(reading: Reading, *, every: bool) -> Iterator[str]:
    if not reading.tensor_count:
        return
    kinds: dict[str, int] = {}
    for tensor in reading.tensors:
        kinds[tensor.dtype] = kinds.get(tensor.dtype, 0) + 1
    shown = ", ".join(
        f"{plain(kind or 'unknown', 40)} × {count:,}" for kind, count in kinds.items()
    )
    yield f"{counted_noun(reading.tensor_count, 'tensor')}: {shown}"
    listing = reading.tensors if every else reading.tensors[:_TENSORS]
    for tensor in listing:
        yield _tensor(tensor)
    if len(listing) < reading.tensor_count:
        more = reading.tensor_count - len(listing)
        yield f"and {more:,} more{'' if every else ' (--tensors shows them)'}"


def _tensor(tensor: TensorEntry) -> str:
    sizes = "×".join(map(str, tensor.shape[:16])) or "scalar"
    parts = [plain(tensor.path or "the object", 150), tensor.dtype or "unknown", sizes]
    if tensor.layout not in {"", "torch.strided"}:
        parts.append(tensor.layout)
    if tensor.device != "cpu":
        parts.append(tensor.device)
    if tensor.requires_grad:
        parts.append("requires grad")
    return "  ".join(plain(part, 160) for part in parts)


def _names(reading: Reading) -> Iterator[str]:
    for each in reading.globals[:_NAMES]:
        yield f"{plain(each.dotted, 200)}{f' × {each.count:,}' if each.count > 1 else ''}"
    if len(reading.globals) > _NAMES:
        yield f"and {len(reading.globals) - _NAMES:,} more"
