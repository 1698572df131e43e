"""What of a loaded object goes into a user's model, and what would have to be changed first.

The cell only tries and reports: as it is, then whatever the names of the keys suggest (a dict
inside, a prefix to strip or to add), then what is left with ``strict=False``. Every try has a new
model, and what loaded is what is in the model afterwards, not what a message says.
"""

import collections
import importlib
import sys
from typing import Any

from ckptcell.encoding import class_name
from ckptcell.text import bounded

__all__ = ["observe_fit", "offer"]

#: Names listed of each kind; counts are of all.
_LISTED = 300
#: How deep dicts inside the object are looked into, and how many of them.
_DEEPEST = 3
_MOST_PLACES = 50
#: Keys of the model, and of the file, from which prefixes are guessed, and how many guesses of each
#: kind are tried.
_ANCHORS = 5
_GUESSES = 20
_TEXT = 2000


def offer(folder):
    """Let Python find the modules of a folder before all others.

    Args:
        folder: Where the user's module lies.
    """
    sys.dont_write_bytecode = True  # its folder is the input, which is not to be written to
    if folder not in sys.path:
        sys.path.insert(0, folder)


def observe_fit(obj, model):
    """How a loaded object goes into a model.

    Args:
        obj: What was loaded.
        model: ``module`` and ``factory`` of the user's model.

    Returns:
        An observation without leaves, whose ``model`` says what was tried and what came of it; or
        why there is no model.
    """
    return {"version": 1, "leaves": [], "aliases": [], "model": _report(obj, model)}


def _report(obj, model):
    try:
        make: Any = importlib.import_module(model["module"])
        for name in model["factory"].split("."):
            make = getattr(make, name)
    except (Exception, SystemExit) as error:
        return _no_model("import", error)
    try:
        first = make()
        wanted = dict(first.state_dict())
    except (Exception, SystemExit) as error:
        return _no_model("make", error)
    places = list(_places(obj))
    best = _best(places, wanted)
    tries = [_try(make, obj, _How("", "", "", False), wanted)]
    if best is not None:
        how, state = best
        if how != _How("", "", "", False):
            tries.append(_try(make, state, how, wanted))
        if not any(each["complete"] for each in tries):
            tries.append(_try(make, state, how.in_part(), wanted))
    return {"trouble": None, "class": class_name(type(first)), "keys": len(wanted), "tries": tries}


def _no_model(stage, error):
    said = {"stage": stage, "type": class_name(type(error)), "message": _clipped(error)}
    return {"trouble": said, "class": "", "keys": 0, "tries": []}


def _clipped(error):
    return bounded(str(error), _TEXT)


class _How(object):
    """What is done to the loaded object before it goes into the model."""

    def __init__(self, place, strip, add, partial, module=False):
        self.place = place
        self.strip = strip
        self.add = add
        self.partial = partial
        self.module = module

    def __eq__(self, other):
        return isinstance(other, _How) and self.fields() == other.fields()

    __hash__ = None  # type: ignore[assignment]

    def in_part(self):
        """The same, of what fits only."""
        return _How(self.place, self.strip, self.add, True, self.module)

    def fields(self):
        return {
            "place": self.place,
            "module": self.module,
            "strip": self.strip,
            "add": self.add,
            "partial": self.partial,
        }

    def renamed(self, state):
        """The state with its keys as this says."""
        found = {}
        for key, value in state.items():
            name = str(key)
            if self.strip:
                if not name.startswith(self.strip):
                    continue
                name = name[len(self.strip) :]
            found[self.add + name] = value
        return found

    @property
    def effort(self):
        """How much is done: what does less explains more."""
        return (len(self.strip) + len(self.add) > 0, self.module, self.place.count("["))


def _places(obj):
    """Every dict of tensors in an object, and where: ``(place, is it a module's, state)``."""
    waiting = [("", obj, 0)]
    count = 0
    while waiting and count < _MOST_PLACES:
        place, value, depth = waiting.pop(0)
        is_module = hasattr(value, "state_dict") and hasattr(value, "load_state_dict")
        if is_module:
            try:
                state = value.state_dict()
            except Exception:  # noqa: S112 - an object that cannot say its state has none
                continue
        else:
            state = value
        if not isinstance(state, dict):
            continue
        if any(_is_tensor(item) for item in state.values()):
            count += 1
            yield place, is_module, state
        if not is_module and depth < _DEEPEST:
            waiting.extend(
                ("{}[{!r:.100}]".format(place, key), item, depth + 1) for key, item in state.items()
            )


def _is_tensor(value):
    return hasattr(value, "shape") and hasattr(value, "dtype") and hasattr(value, "is_sparse")


def _best(places, wanted):
    """The way that fills most of the model, and the state it is done to; None when none does.

    Of ways that fill as much, the one that has the names of most keys, whatever their shapes. A
    prefix that fills nothing is one only when it explains the names of all keys.
    """
    shapes = {key: _shape(value) for key, value in wanted.items()}
    best = None
    for place, is_module, state in places:
        present = {str(key): _shape(value) for key, value in state.items()}
        for strip, add in _prefixes(present, shapes):
            how = _How(place, strip, add, False, is_module)
            names = [
                (strip + key[len(add) :], key)
                for key in shapes
                if key.startswith(add) and strip + key[len(add) :] in present
            ]
            filled = sum(1 for name, key in names if present[name] == shapes[key])
            rank = (filled, len(names), tuple(-int(part) for part in how.effort))
            explains = filled or (names and (len(names) == len(shapes) or not strip + add))
            if explains and (best is None or rank > best[0]):
                best = (rank, how, state)
    return None if best is None else best[1:]


def _prefixes(present, wanted):
    """Pairs of what to strip and what to add, as the keys suggest: those that suit most of them.

    Args:
        present: Key of the file → shape.
        wanted: Key of the model → shape.
    """
    strips: Any = collections.Counter()
    adds: Any = collections.Counter()
    alike = len(present) + len(wanted)  # one shape that fits weighs more than any number of names
    for key in _anchors(wanted):
        for name, shape in present.items():
            if name.endswith("." + key):
                strips[name[: -len(key)]] += alike if shape == wanted[key] else 1
    for name in _anchors(present):
        for key, shape in wanted.items():
            if key.endswith("." + name):
                adds[key[: -len(name)]] += alike if shape == present[name] else 1
    found = [("", "")]
    found.extend((strip, "") for strip in _most(strips))
    found.extend(("", add) for add in _most(adds))
    # One prefix for another: ``module.`` for ``_orig_mod.``, ``backbone.`` for ``encoder.``.
    heads = {name.partition(".")[0] + "." for name in present if "." in name}
    tails = {key.partition(".")[0] + "." for key in wanted if "." in key}
    if len(heads) == 1 and len(tails) == 1:
        found.extend((strip, add) for strip in heads for add in tails if strip != add)
    return sorted(set(found))


def _anchors(keys):
    """The first and the last few of many keys."""
    names = list(keys)
    return names[:_ANCHORS] + names[_ANCHORS:][-_ANCHORS:]


def _most(counter):
    """The most frequent, in an order that does not depend on chance."""
    return [name for name, _ in sorted(counter.items(), key=lambda each: (-each[1], each[0]))][
        :_GUESSES
    ]


def _shape(value):
    return tuple(value.shape) if hasattr(value, "shape") else None


def _try(make, state, how, wanted):
    """Put a state into a new model and see what is in it afterwards."""
    tried = {"how": how.fields(), "error": None}
    try:
        model = make()
        given = _given(state, how)
        sizes = _sizes(given, wanted)
        if how.partial:
            other = {name for name, _, _ in sizes}
            kept = {key: value for key, value in given.items() if key not in other}
            model.load_state_dict(kept, strict=False)
        else:
            model.load_state_dict(given)
        loaded, casts = _loaded(model.state_dict(), given)
    except (Exception, SystemExit) as error:
        tried["error"] = {"type": class_name(type(error)), "message": _clipped(error)}
        given, loaded, casts = (state if isinstance(state, dict) else {}), [], []
        sizes = _sizes(given, wanted)
    present = {str(key) for key in given} if isinstance(given, dict) else set()
    tried.update(
        complete=tried["error"] is None and len(loaded) == len(wanted),
        loaded=_listed(loaded),
        missing=_listed([key for key in wanted if key not in present]),
        unexpected=_listed(sorted(key for key in present if key not in wanted)),
        sizes=_listed(sizes),
        casts=_listed(casts),
    )
    return tried


def _given(state, how):
    """What is given to ``load_state_dict``: the object itself when nothing is to be done to it."""
    return how.renamed(state) if how != _How("", "", "", False) else state


def _sizes(given, wanted):
    """Names whose tensors have another shape in the model, and both shapes."""
    if not isinstance(given, dict):
        return []
    return [
        [key, str(list(_shape(given[key]))), str(list(_shape(wanted[key])))]
        for key in wanted
        if key in given
        and _shape(given[key]) is not None
        and _shape(wanted[key]) is not None
        and _shape(given[key]) != _shape(wanted[key])
    ]


def _loaded(now, given):
    """Names of the model whose values are those given, and those whose dtype had to change."""
    loaded, casts = [], []
    for key, value in now.items():
        if key not in given:
            continue
        source = given[key]
        if not _is_tensor(value) or not _is_tensor(source):
            loaded.append(key)
            continue
        if source.dtype != value.dtype:
            casts.append([key, str(source.dtype), str(value.dtype)])
        moved = source.detach().to(device=value.device, dtype=value.dtype)
        if _shape(moved) == _shape(value) and _equal(value.detach(), moved):
            loaded.append(key)
    return loaded, casts


def _equal(one, other):
    try:
        same = (one == other) | ((one != one) & (other != other))  # noqa: PLR0124 - NaN is its own
        return bool(same.all())
    except Exception:
        return False


def _listed(items):
    """How many there are, and the first of them."""
    shown = [
        bounded(item, 300) if isinstance(item, str) else [bounded(part, 300) for part in item]
        for item in items[:_LISTED]
    ]
    return {"count": len(items), "first": shown}
