"""Observations: JSON facts about whatever a checkpoint was loaded into.

The format is section 5 of ``docs/design.md``. Nothing here judges, and nothing imports torch or
NumPy on its own account: an object of theirs can only exist where they are imported already.
"""

import collections
import warnings

from ckptcell import canonical, observe_numpy, observe_objects, tensors
from ckptcell.encoding import class_name, integer
from ckptcell.observe_torch import is_module, module_parts, torch_kind

__all__ = ["KEPT", "observe", "observe_forward"]

VERSION = 1
#: Leaves listed one by one; the rest is in the digests of ``more``.
KEPT = 2000
#: Leaves a digest of ``more`` stands for.
CHUNK = 1000
#: Deepest nesting that is followed; CPython gives up at about 1,000 frames.
DEEPEST = 150
#: Elements a tensor or array may have and still be listed by value, which says how far apart two
#: are; a digest only says that they are.
VALUES = 4096
#: Values listed in one observation; beyond them only tensors of at most :data:`FEW` elements are.
LISTED = 40000
FEW = 16


def observe(obj):
    """Facts about a loaded object.

    Args:
        obj: Anything. It is not changed.

    Returns:
        ``version``, ``leaves``, ``aliases`` and, beyond :data:`KEPT` leaves, ``more``.
    """
    walk = _observed(obj)
    groups = [sorted(paths) for paths in walk.storages.values() if len(paths) > 1]
    return dict(walk.result(), version=VERSION, aliases=sorted(groups))


def observe_forward(obj):
    """Facts about what a forward pass returned, with the values tolerances are applied to.

    Args:
        obj: Tensors, in lists and dicts or alone.

    Returns:
        ``leaves`` and, beyond :data:`KEPT` leaves, ``more``.
    """
    return _observed(obj).result()


def _observed(obj):
    walk = _Walk()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        walk.visit("", obj, 0)
    return walk


class _Walk(object):
    """One traversal: the leaves it met, and what it has to remember of them."""

    def __init__(self):
        self.storages = collections.OrderedDict()
        self._room = LISTED
        self._leaves = []
        self._count = 0
        self._chunk = []
        self._digests = []
        # Where each container was met first. The container itself is kept so that its id is not
        # given to another object while the walk lasts.
        self._met = {}

    def result(self):
        """The leaves, and the digests of those beyond the first :data:`KEPT`."""
        result: dict = {"leaves": self._leaves}
        if self._count > KEPT:
            digests = list(self._digests)
            if self._chunk:
                digests.append(canonical.digest(self._chunk))
            result["more"] = {
                "count": self._count - KEPT,
                "sha256": canonical.digest(digests),
                "chunks": digests,
            }
        return result

    def visit(self, path, obj, depth, role="tensor"):
        """Add the leaves of ``obj``, which is at ``path``."""
        if depth > DEEPEST:
            self._add(
                path, {"type": "unobservable", "class": class_name(type(obj)), "note": "depth"}
            )
            return
        limit = max(FEW, min(VALUES, self._room))
        value = (
            observe_objects.scalar(obj)
            or torch_kind(obj, role, limit)
            or observe_numpy.numpy_kind(obj, limit)
            or observe_objects.value(obj)
        )
        if value is not None:
            fields, children = value
            self._room -= _listed(fields)
            self._add(path, fields)
            if fields["type"] == "tensor":
                self._remember_storage(path, obj)
            self._visit_all(path, children, depth)
            return
        if id(obj) in self._met and not _is_empty(obj):
            self._add(path, {"type": "reference", "value": self._met[id(obj)][0]})
            return
        self._met[id(obj)] = (path, obj)
        if is_module(obj):
            fields, children = module_parts(obj)
            self._add(path, fields)
            for name, child, child_role in children:
                self.visit(path + "." + name, child, depth + 1, child_role)
        elif isinstance(obj, (set, frozenset)):
            self._set(path, obj, depth)
        elif isinstance(obj, (dict, list, tuple, collections.deque)):
            self._container(path, obj, depth)
        else:
            fields, children = observe_objects.fields_of(obj)
            self._add(path, fields)
            self._visit_all(path, children, depth)

    def _add(self, path, fields):
        leaf = dict(fields, path=path)
        self._count += 1
        if self._count <= KEPT:
            self._leaves.append(leaf)
            return
        self._chunk.append(_placeless(leaf))
        if len(self._chunk) == CHUNK:
            self._digests.append(canonical.digest(self._chunk))
            self._chunk = []

    def _visit_all(self, path, children, depth):
        for step, child in children:
            self.visit(path + step, child, depth + 1)

    def _remember_storage(self, path, tensor):
        key = tensors.storage_key(tensor)
        if key is not None:
            self.storages.setdefault(key, []).append(path)

    def _container(self, path, obj, depth):
        fields = {"class": class_name(type(obj))}
        if isinstance(obj, dict):
            names = [observe_objects.key(key, index) for index, key in enumerate(obj)]
            fields.update(_keys([name for name, _ in names]), type="dict")
            children = [(step, child) for (_, step), child in zip(names, obj.values())]
        elif isinstance(obj, tuple) and isinstance(getattr(obj, "_fields", None), tuple):
            steps = [str(name) for name in getattr(obj, "_fields", ())]
            fields.update(_keys(steps), type="namedtuple")
            children = [("." + step, child) for step, child in zip(steps, obj)]
        else:
            fields["type"] = "tuple" if isinstance(obj, tuple) else "list"
            fields["length"] = len(obj)
            children = [("[%d]" % index, child) for index, child in enumerate(obj)]
        self._add(path, fields)
        self._visit_all(path, children + observe_objects.attributes(obj), depth)

    def _set(self, path, obj, depth):
        # A set's own order is that of hashes, which are addresses for most objects.
        ordered = sorted(obj, key=lambda item: canonical.digest(_observed(item).result()))
        self._add(
            path, {"type": "set", "class": class_name(type(obj)), "length": integer(len(obj))}
        )
        children = [("{%d}" % index, child) for index, child in enumerate(ordered)]
        self._visit_all(path, children + observe_objects.attributes(obj), depth)


def _placeless(leaf):
    """A leaf without where its tensors live: the same values have one digest on every device.

    Nor with the values themselves, which may be listed or not: their own digest stands for them.
    """
    told = ("device",) if "sha256" not in leaf else ("device", "values")
    placeless = {key: value for key, value in leaf.items() if key not in told}
    if "parts" in leaf:
        placeless["parts"] = {name: _placeless(part) for name, part in leaf["parts"].items()}
    return placeless


def _keys(names):
    """The keys of a dict, the first :data:`KEPT` of them by name."""
    if len(names) <= KEPT:
        return {"keys": names}
    return {"keys": names[:KEPT], "length": len(names), "keys_sha256": canonical.digest(names)}


def _is_empty(obj):
    """Whether it is a container without items: ``()`` is one object for the whole process."""
    return isinstance(obj, (dict, list, tuple, set, frozenset)) and not obj


def _listed(fields):
    """How many values a leaf lists, those of its components among them."""
    return len(fields.get("values") or ()) + sum(map(_listed, fields.get("parts", {}).values()))
