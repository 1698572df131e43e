"""Whether what was loaded behaves the same: outputs of a forward pass, losses of more training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.judge.numbers import Distance, close, distance, number, numbers
from ckptmatrix.judge.outcome import Difference
from ckptmatrix.judge.wording import clipped, same, shown
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ckptmatrix.judge.observation import Leaf, Tree
    from ckptmatrix.judge.policy import Policy

__all__ = ["compare_forward", "compare_losses"]


def compare_forward(before: Tree, after: Tree | None, policy: Policy) -> list[Difference]:
    """What is not the same in the outputs of a forward pass.

    Numbers are compared in tolerance where all of them were kept, by digest where there are too
    many. How outputs lie in memory and whether they require gradients is not compared.

    Args:
        before: The producer's outputs.
        after: The consumer's, None when there are none.
        policy: Has the tolerance.
    """
    if after is None:
        return [_differs("forward", f"{before.total} leaves", "absent")]
    there = after.placed()
    differences = []
    for place, leaf in before.placed().items():
        other = there.pop(place, None)
        if other is None:
            differences.append(_differs(f"forward{leaf.path}", _kind(leaf), "absent"))
            continue
        found = _output(leaf, other, policy)
        if found is not None:
            differences.append(found)
    differences += [
        _differs(f"forward{leaf.path}", "absent", _kind(leaf)) for leaf in there.values()
    ]
    if (before.beyond, before.digest) != (after.beyond, after.digest) and not differences:
        differences.append(
            _differs("forward", f"{before.total} leaves", f"{after.total} leaves, not the same")
        )
    return differences


def _output(before: Leaf, after: Leaf, policy: Policy) -> Difference | None:
    path = f"forward{before.path}"
    if before.type != after.type:
        return _differs(path, _kind(before), _kind(after))
    for name in ("dtype", "shape", "length", "keys"):
        if not same(before.fields.get(name), after.fields.get(name)):
            return _differs(path, shown(before.fields.get(name)), shown(after.fields.get(name)))
    name = str(before.fields.get("dtype", "float64" if before.type == "float" else ""))
    olds, news = _numbers(before), _numbers(after)
    if olds is None or news is None or len(olds) != len(news):
        old, new = _digest(before), _digest(after)
        return None if same(old, new) else _differs(path, shown(old), shown(new))
    tolerance = policy.tolerance(name)
    if all(close(old, new, tolerance) for old, new in zip(olds, news, strict=True)):
        return None
    apart = distance(olds, news)
    note = "" if apart is None else f"; {apart}"
    return _differs(path, shown(_values(before)), shown(_values(after)) + note, apart)


def _numbers(leaf: Leaf) -> Sequence[float | complex] | None:
    if leaf.type in ("bool", "int", "float", "complex"):
        value = number(leaf.fields.get("value"))
        return None if value is None else [value]
    return numbers(leaf.fields.get("values"))


def _values(leaf: Leaf) -> object:
    return leaf.fields.get("values", leaf.fields.get("value"))


def _digest(leaf: Leaf) -> object:
    return leaf.fields.get("sha256", leaf.fields.get("value"))


def _kind(leaf: Leaf) -> str:
    return clipped(f"{leaf.type} {leaf.fields.get('dtype', '')}".strip())


def _differs(path: str, before: str, after: str, apart: Distance | None = None) -> Difference:
    return Difference(
        path=path,
        what=Reason.FORWARD_DIFFERS,
        before=before,
        after=after,
        absolute=None if apart is None else apart.absolute,
        relative=None if apart is None else apart.relative,
    )


def compare_losses(
    before: Sequence[float], after: Sequence[float] | None, policy: Policy
) -> list[Difference]:
    """Where two traces of further training part: nothing, or the first step that differs.

    Args:
        before: The producer's own losses.
        after: The consumer's, None when there are none.
        policy: Has the tolerance.
    """
    if after is None:
        return [_parts(None, f"{len(before)} losses", "absent")]
    for step, (old, new) in enumerate(zip(before, after, strict=False), start=1):
        if not close(old, new, policy.resume):
            apart = distance([old], [new])
            note = "" if apart is None else f" ({apart})"
            return [_parts(step, f"{old!r}", f"{new!r}{note}", apart)]
    if len(before) != len(after):
        step = min(len(before), len(after)) + 1
        return [_parts(step, f"{len(before)} losses", f"{len(after)} losses")]
    return []


def _parts(step: int | None, before: str, after: str, apart: Distance | None = None) -> Difference:
    return Difference(
        path="resume" if step is None else f"resume step {step}",
        what=Reason.RESUME_DIVERGED,
        before=before,
        after=after,
        absolute=None if apart is None else apart.absolute,
        relative=None if apart is None else apart.relative,
        step=step,
    )
