"""What is not the same in two leaves at the same path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ckptmatrix.judge.numbers import Distance, gap
from ckptmatrix.judge.outcome import Difference
from ckptmatrix.judge.wording import clipped, same, shown
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ckptmatrix.judge.observation import Leaf

__all__ = ["compare_leaves", "kind_of"]

_FLAGS = ("requires_grad", "role", "conj", "neg", "training")
#: How a compound tensor is put together; anything else in its params is part of its value.
_PARAMS = {
    "qscheme": Reason.LAYOUT_CHANGED,
    "sparse_dim": Reason.LAYOUT_CHANGED,
    "dense_dim": Reason.LAYOUT_CHANGED,
    "ragged": Reason.LAYOUT_CHANGED,
    "coalesced": Reason.FLAGS_CHANGED,
}
#: Where a tensor lives is not state. The others are compared on their own, or explain one of those.
_NOT_VALUES = frozenset(
    (
        *_FLAGS,
        *("class", "shape", "dtype", "layout", "stride_order", "values", "device", "note"),
        *("keys", "keys_sha256", "length"),
    )
)
#: Two appearances of one Python object, told apart from two objects that are equal.
_REFERENCE = "reference"
_NUMBERS = ("int", "float", "complex")
#: Elements shown of two lists.
_FEW = 16


def kind_of(leaf: Leaf) -> str:
    """What a leaf is, for people: ``tensor torch.float32 [2, 3]``."""
    words = [leaf.type, leaf.fields.get("class"), leaf.fields.get("dtype")]
    if "shape" in leaf.fields:
        words.append(shown(leaf.fields["shape"]))
    return clipped(" ".join(str(word) for word in words if word))


def compare_leaves(before: Leaf, after: Leaf) -> list[Difference]:
    """What is not the same in two leaves at the same path.

    What follows from another difference is not reported beside it: other numbers where the shape,
    the dtype or the layout is another, other parts where the tensor is put together in another way,
    anything at all where the type is.

    Args:
        before: The producer's.
        after: The consumer's.
    """
    if _REFERENCE in (before.type, after.type):
        old, new = _referred(before), _referred(after)
        return [] if old == new else [_one(before, Reason.ALIASING_CHANGED, old, new)]
    if before.type != after.type or not same(before.fields.get("class"), after.fields.get("class")):
        return [_one(before, Reason.TYPE_CHANGED, kind_of(before), kind_of(after))]
    shape = _field(before, after, "shape", Reason.SHAPE_CHANGED)
    dtype = _field(before, after, "dtype", Reason.DTYPE_CHANGED)
    if dtype is not None and shape is None:
        dtype = _with_distance(dtype, before, after)
    layout = _field(before, after, "layout", Reason.LAYOUT_CHANGED)
    strides = _field(before, after, "stride_order", Reason.LAYOUT_CHANGED)
    flags = [_field(before, after, name, Reason.FLAGS_CHANGED) for name in _FLAGS]
    comparable = shape is None and dtype is None and layout is None
    values = _values(before, after) if comparable else []
    found = [each for each in (shape, dtype, layout, strides, *flags) if each is not None]
    return found + values


def _referred(leaf: Leaf) -> str:
    if leaf.type == _REFERENCE:
        return clipped(f"the same object as {shown(leaf.fields.get('value'))}")
    return "an object of its own"


def _field(before: Leaf, after: Leaf, name: str, what: Reason) -> Difference | None:
    old, new = before.fields.get(name), after.fields.get(name)
    if same(old, new):
        return None
    return _one(before, what, f"{name} {shown(old)}", f"{name} {shown(new)}")


def _with_distance(dtype: Difference, before: Leaf, after: Leaf) -> Difference:
    apart = gap(before.fields.get("values"), after.fields.get("values"))
    if apart is None:
        return dtype
    return _one(before, dtype.what, dtype.before, f"{dtype.after}; {apart}", apart)


def _values(before: Leaf, after: Leaf) -> list[Difference]:
    params = _params(before.params, after.params, before.path)
    built = [each for each in params if each.what is Reason.LAYOUT_CHANGED]
    if built:
        return built
    differences = [*_parts(before, after), *params]
    if any(each.what is not Reason.FLAGS_CHANGED for each in differences):
        return differences
    names = [*before.fields, *(name for name in after.fields if name not in before.fields)]
    compared = [name for name in names if name not in _NOT_VALUES]
    if "sha256" not in compared:
        compared.append("values")
    for name in compared:
        old, new = before.fields.get(name), after.fields.get(name)
        if not same(old, new):
            differences.append(_values_differ(before, after, name))
            break
    return differences


def _values_differ(before: Leaf, after: Leaf, name: str) -> Difference:
    olds, news = before.fields.get("values"), after.fields.get("values")
    if name in ("sha256", "values") and not same(olds, news):
        apart = gap(olds, news)
        note = "" if apart is None else f"; {apart}"
        old, new = _around(olds, news)
        return _one(before, Reason.VALUES_DIFFER, old, new + note, apart)
    before_value, after_value = before.fields.get(name), after.fields.get(name)
    old, new = shown(before_value), shown(after_value)
    label = "" if name == "value" else f"{name} "
    apart = gap([before_value], [after_value]) if before.type in _NUMBERS else None
    return _one(before, Reason.VALUES_DIFFER, f"{label}{old}", f"{label}{new}", apart)


def _around(olds: object, news: object) -> tuple[str, str]:
    """Two lists as short texts; of long ones what begins at the first element that differs."""
    if not isinstance(olds, list) or not isinstance(news, list) or len(olds) <= _FEW:
        return shown(olds), shown(news)
    pairs = enumerate(zip(olds, news, strict=False))
    shorter = min(len(olds), len(news))
    first = next((at for at, (old, new) in pairs if not same(old, new)), shorter)
    end = first + _FEW
    return f"from [{first}]: {shown(olds[first:end])}", f"from [{first}]: {shown(news[first:end])}"


def _parts(before: Leaf, after: Leaf) -> list[Difference]:
    differences = []
    for name, part in before.parts.items():
        other = after.parts.get(name)
        if other is None:
            differences.append(_one(part, Reason.VALUES_DIFFER, kind_of(part), "absent"))
        else:
            differences += compare_leaves(part, other)
    for name, part in after.parts.items():
        if name not in before.parts:
            differences.append(_one(part, Reason.VALUES_DIFFER, "absent", kind_of(part)))
    return differences


def _params(before: Mapping[str, Any], after: Mapping[str, Any], path: str) -> list[Difference]:
    names = [*before, *(name for name in after if name not in before)]
    return [
        _param(path, name, before.get(name), after.get(name))
        for name in names
        if not same(before.get(name), after.get(name))
    ]


def _param(path: str, name: str, before: object, after: object) -> Difference:
    what = _PARAMS.get(name, Reason.VALUES_DIFFER)
    apart = gap([before], [after]) if what is Reason.VALUES_DIFFER else None
    return Difference(
        path=path,
        what=what,
        before=clipped(f"{name} {shown(before)}"),
        after=clipped(f"{name} {shown(after)}"),
        absolute=None if apart is None else apart.absolute,
        relative=None if apart is None else apart.relative,
    )


def _one(
    leaf: Leaf, what: Reason, before: str, after: str, apart: Distance | None = None
) -> Difference:
    return Difference(
        path=leaf.path,
        what=what,
        before=before,
        after=after,
        absolute=None if apart is None else apart.absolute,
        relative=None if apart is None else apart.relative,
    )
