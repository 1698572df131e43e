"""What is not the same in two objects: which leaves there are, what each is, what is shared."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from ckptmatrix.judge.leaf import compare_leaves, kind_of
from ckptmatrix.judge.outcome import Difference
from ckptmatrix.judge.wording import clipped, same, shown
from ckptmatrix.words import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ckptmatrix.judge.observation import Leaf, Observation, Place, Tree

__all__ = ["compare_state"]

#: After these nothing below a leaf can be compared.
_REPLACED = (Reason.TYPE_CHANGED, Reason.ALIASING_CHANGED)
_STEPS = ("[", ".", "{")
#: Leaves a digest of ``more`` stands for; section 5 of ``docs/design.md``.
_CHUNK = 1000
#: Steps of a path that are looked at; no object is nested that deeply.
_DEEPEST = 1000


def compare_state(before: Observation, after: Observation) -> list[Difference]:
    """What is not the same in two objects.

    Args:
        before: What the producer had.
        after: What the consumer has.

    Returns:
        One difference for each missing or added subtree, those of leaves both have, and of sharing.
    """
    old, new = before.state.placed(), after.state.placed()
    found = [
        (old[place].path, compare_leaves(old[place], new[place])) for place in old if place in new
    ]
    replaced = {path for path, each in found if any(one.what in _REPLACED for one in each)}
    common = [one for path, each in found if not _below(path, replaced) for one in each]
    gone = _absent(old, new, after.state, replaced)
    come = _absent(new, old, before.state, replaced)
    missing = [_only(leaf, Reason.KEYS_MISSING) for leaf in gone]
    added = [_only(leaf, Reason.KEYS_ADDED) for leaf in come]
    differences = missing + added + common
    changed = [leaf.path for leaf in (*gone, *come)]
    differences += _containers(old, new, changed, replaced)
    if not differences:
        differences += _beyond(before.state, after.state)
    return differences + _aliases(before.aliases, after.aliases, [*changed, *replaced])


def _below(path: str, roots: Collection[str]) -> bool:
    """Whether a path is below one of the roots."""
    steps = islice((at for at, char in enumerate(path) if char in _STEPS), _DEEPEST)
    return any(path[:at] in roots for at in steps)


def _absent(
    leaves: dict[Place, Leaf], others: dict[Place, Leaf], other: Tree, replaced: set[str]
) -> list[Leaf]:
    """The topmost leaves that are not among the others.

    Where the others' list was cut off, what comes after the last common leaf may well be there.
    """
    places = list(leaves)
    if other.beyond:
        while places and places[-1] not in others:
            places.pop()
    absent = [place for place in places if place not in others]
    roots = replaced.union(path for path, _ in absent)
    return [leaves[place] for place in absent if not _below(place[0], roots)]


def _only(leaf: Leaf, what: Reason) -> Difference:
    kind = kind_of(leaf)
    gone = what is Reason.KEYS_MISSING
    return Difference(
        path=leaf.path,
        what=what,
        before=kind if gone else "absent",
        after="absent" if gone else kind,
    )


def _containers(
    old: dict[Place, Leaf],
    new: dict[Place, Leaf],
    changed: Sequence[str],
    replaced: Collection[str],
) -> list[Difference]:
    """Containers whose own account of their items differs and whose leaves do not say so."""
    differences = []
    for place, before in old.items():
        after = new.get(place)
        if after is None or before.path in replaced or _below(before.path, replaced):
            continue
        found = _account(before, after)
        if found is not None and not any(_below(path, [before.path]) for path in changed):
            differences.append(found)
    return differences


def _account(before: Leaf, after: Leaf) -> Difference | None:
    names = ("length", "keys", "keys_sha256")
    facts = [(before.fields.get(name), after.fields.get(name)) for name in names]
    if all(same(old, new) for old, new in facts):
        return None
    what = Reason.VALUES_DIFFER
    old, new = next((one, other) for one, other in facts if not same(one, other))
    lost, extra = _only_in(before, after), _only_in(after, before)
    if lost:
        what, old = Reason.KEYS_MISSING, lost
        new = extra or None
    elif extra:
        what, old, new = Reason.KEYS_ADDED, None, extra
    elif facts[0][0] != facts[0][1] and isinstance(old, int) and isinstance(new, int):
        what = Reason.KEYS_MISSING if new < old else Reason.KEYS_ADDED
    return Difference(path=before.path, what=what, before=shown(old), after=shown(new))


def _only_in(leaf: Leaf, other: Leaf) -> list[Any]:
    keys, others = leaf.fields.get("keys"), other.fields.get("keys")
    if not isinstance(keys, list) or not isinstance(others, list):
        return []
    known = {str(key) for key in others}
    return [key for key in keys if str(key) not in known]


def _beyond(before: Tree, after: Tree) -> list[Difference]:
    """What differs among the leaves that are not listed, when those that are listed do not."""
    if before.total != after.total:
        lost = after.total < before.total
        return [
            Difference(
                path="",
                what=Reason.KEYS_MISSING if lost else Reason.KEYS_ADDED,
                before=f"{before.total} leaves",
                after=f"{after.total} leaves",
            )
        ]
    if (before.digest, before.chunks) == (after.digest, after.chunks):
        return []
    start = len(before.leaves) + 1
    chunks = zip(before.chunks, after.chunks, strict=False)
    for index, (old, new) in enumerate(chunks):
        if old != new:
            first = start + index * _CHUNK
            return [_unlisted(first, min(first + _CHUNK - 1, before.total), old, new)]
    return [_unlisted(start, before.total, before.digest, after.digest)]


def _unlisted(first: int, last: int, before: str, after: str) -> Difference:
    return Difference(
        path=f"leaves {first} to {last}",
        what=Reason.VALUES_DIFFER,
        before=clipped(f"digest {before}", 80),
        after=clipped(f"digest {after}", 80),
    )


def _aliases(
    before: Sequence[Sequence[str]], after: Sequence[Sequence[str]], apart: Sequence[str]
) -> list[Difference]:
    """Groups that share memory on one side only, of leaves both sides have."""
    old, new = _groups(before, apart), _groups(after, apart)
    differences = []
    for group in sorted(old - new):
        now = [other for other in sorted(new) if set(other) & set(group)]
        differences.append(_sharing(group[0], [group], now))
    explained = {path for group in old - new for path in group}
    differences += [
        _sharing(group[0], [], [group])
        for group in sorted(new - old)
        if not explained.intersection(group)
    ]
    return differences


def _groups(groups: Sequence[Sequence[str]], apart: Sequence[str]) -> set[tuple[str, ...]]:
    gone = set(apart)
    kept = (
        tuple(sorted(path for path in set(group) if path not in gone and not _below(path, gone)))
        for group in groups
    )
    return {group for group in kept if len(group) > 1}


def _sharing(
    path: str, before: Sequence[Sequence[str]], after: Sequence[Sequence[str]]
) -> Difference:
    texts = [
        "; ".join("memory of " + ", ".join(group) for group in groups) or "memory of its own"
        for groups in (before, after)
    ]
    return Difference(
        path=path,
        what=Reason.ALIASING_CHANGED,
        before=clipped(texts[0]),
        after=clipped(texts[1]),
    )
