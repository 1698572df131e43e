"""How a checkpoint goes into a user's model: what a cell tried, and what that means. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Fit", "Fitting", "Listed", "Trouble", "explain_fit", "read_fit"]

_Name = Annotated[str, StringConstraints(max_length=1_000)]
_Words = Annotated[str, StringConstraints(max_length=20_000)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Listed(_Record):
    """Names, of which the first are listed."""

    count: int = Field(ge=0, lt=1 << 53)
    first: Annotated[
        tuple[_Name | Annotated[tuple[_Name, ...], Field(max_length=3)], ...], Field(max_length=300)
    ]

    @property
    def names(self) -> tuple[str, ...]:
        """The listed ones, each as one text."""
        return tuple(each if isinstance(each, str) else each[0] for each in self.first)


class How(_Record):
    """What was done to the loaded object before it went into the model.

    Attributes:
        place: Where in it the state was taken from: ``['state_dict']``; empty for itself.
        module: Whether a module lay there, whose ``state_dict()`` was taken.
        strip: Prefix taken away from the keys.
        add: Prefix put in front of them.
        partial: Whether what does not fit was left out: ``strict=False``.
    """

    place: _Name
    module: bool
    strip: _Words
    add: _Words
    partial: bool


class Said(_Record):
    """An exception."""

    type: _Name
    message: _Words


class Trouble(Said):
    """Why there is no model: its module could not be imported, or the factory raised."""

    stage: Literal["import", "make"]


class Tried(_Record):
    """One try with a new model.

    Attributes:
        how: What was done first.
        error: What ``load_state_dict`` raised, or None.
        complete: Whether every key of the model has the file's value now.
        loaded: Keys of the model that have the file's value now.
        missing: Keys of the model that the file does not have.
        unexpected: Keys of the file that the model does not have.
        sizes: Keys whose tensors have another shape: key, in the file, in the model.
        casts: Keys whose dtype the model changed: key, in the file, in the model.
    """

    how: How
    error: Said | None
    complete: bool
    loaded: Listed
    missing: Listed
    unexpected: Listed
    sizes: Listed
    casts: Listed


class Fit(_Record):
    """What a cell says of putting a checkpoint into the user's model.

    Attributes:
        trouble: Why there is no model, or None.
        model: Class of the model.
        keys: How many keys its state has.
        tries: What was tried: as it is first.
    """

    trouble: Trouble | None
    model: _Name = Field(alias="class")
    keys: int = Field(ge=0, lt=1 << 53)
    tries: Annotated[tuple[Tried, ...], Field(max_length=5)]


class Fitting(_Record):
    """What it means.

    Attributes:
        loads: Whether it goes into the model as it is.
        sentence: What happens, in one sentence.
        cause: What explains it, in one sentence; empty when it loads as it is or nothing does.
        cure: What to write, in one line of Python; empty when there is none.
        verified: Whether the cure was seen to fill the whole model in this cell.
    """

    loads: bool
    sentence: str
    cause: str = ""
    cure: str = ""
    verified: bool = False


_ALONE = (
    "a cell has only this one file of yours and its own packages, nothing that lies beside the "
    "file: write into it what it imports, or give the cell the package"
)


def read_fit(observation: Mapping[str, Any] | None) -> Fit | None:
    """What a cell says of the user's model, or None when it says nothing that can be read."""
    if observation is None:
        return None
    try:
        return Fit.model_validate(observation.get("model"))
    except ValidationError:
        return None


def explain_fit(fit: Fit) -> Fitting:
    """What came of the tries, what explains it and what helps."""
    if fit.trouble is not None:
        what = {
            "import": "the model's module cannot be imported",
            "make": "the model cannot be made",
        }[fit.trouble.stage]
        said = f"{fit.trouble.type}: {fit.trouble.message}".partition("\n")[0][:300]
        alone = fit.trouble.type.rpartition(".")[2] in {"ImportError", "ModuleNotFoundError"}
        return Fitting(loads=False, sentence=f"{what}: {said}", cause=_ALONE if alone else "")
    if not fit.tries:
        return Fitting(loads=False, sentence="nothing was tried")
    first, last = fit.tries[0], fit.tries[-1]
    if first.complete:
        return Fitting(loads=True, sentence=f"all {fit.keys} keys load as they are{_casts(first)}")
    if first.error is None:
        sentence = (
            f"load_state_dict raises nothing, and {first.loaded.count} of {fit.keys} keys "
            "have the file's values"
        )
    else:
        sentence = f"load_state_dict fails: {_counts(first)}"
    solved = next((each for each in fit.tries[1:] if each.complete), None)
    if solved is not None:
        return Fitting(
            loads=False,
            sentence=sentence,
            cause=_cause(solved.how),
            cure=_code(solved.how),
            verified=True,
        )
    if last is first or not last.loaded.count:
        return Fitting(loads=False, sentence=sentence, cause=_nothing_fits(fit, last))
    rest = _counts(last)
    return Fitting(
        loads=False,
        sentence=sentence,
        cause="; ".join(
            filter(None, [_cause(last.how), f"what remains is the architecture: {rest}"])
        ),
        cure=_code(last.how) + f"  # {last.loaded.count} of {fit.keys} keys",
        verified=False,
    )


def _nothing_fits(fit: Fit, last: Tried) -> str:
    if last.missing.count == fit.keys:
        return "no key of the file is one of the model's: it is another architecture"
    there = fit.keys - last.missing.count
    if last.sizes.count != there:
        return _cause(last.how)
    keys = "the keys" if there == fit.keys else f"{there} of {fit.keys} keys"
    sizes = f"{keys} are the model's, the sizes are not: it is another architecture"
    return ", and ".join(filter(None, [_cause(last.how), sizes]))


def _counts(tried: Tried) -> str:
    parts = []
    for what, listed in (
        ("missing", tried.missing),
        ("unexpected", tried.unexpected),
        ("of another size", tried.sizes),
    ):
        if listed.count:
            example = listed.first[0] if listed.first else ""
            shown = (
                example if isinstance(example, str) else f"{example[0]} {' → '.join(example[1:])}"
            )
            parts.append(f"{listed.count} {what} ({shown}{', …' if listed.count > 1 else ''})")
    if not parts and tried.error is not None:
        return f"{tried.error.type}: {tried.error.message}".partition("\n")[0][:300]
    return ", ".join(parts)


def _casts(tried: Tried) -> str:
    if not tried.casts.count:
        return ""
    example = tried.casts.first[0] if tried.casts.first else ""
    shown = "" if isinstance(example, str) else f" ({example[0]}: {' → '.join(example[1:])})"
    return f", {tried.casts.count} with another dtype than in the file{shown}"


def _cause(how: How) -> str:
    parts = []
    if how.module:
        parts.append(f"a whole module lies {_where(how.place)}, not a state dict")
    elif how.place:
        parts.append(f"the state dict lies {_where(how.place)}")
    if how.strip and how.add:
        parts.append(f"its keys begin with «{how.strip}», the model's with «{how.add}»")
    elif how.strip:
        parts.append(f"its keys begin with «{how.strip}»{_known(how.strip)}")
    elif how.add:
        parts.append(f"the model's keys begin with «{how.add}»{_known(how.add)}")
    return ", and ".join(parts)


def _where(place: str) -> str:
    return f"at {place} of what is loaded" if place else "in the file"


def _known(prefix: str) -> str:
    return {
        "module.": ", which DataParallel and DistributedDataParallel put there",
        "_orig_mod.": ", which torch.compile puts there",
        "model.": ", as when a module that holds the model was saved",
    }.get(prefix, "")


def _code(how: How) -> str:
    state = f"loaded{how.place}" + (".state_dict()" if how.module else "")
    if how.strip or how.add:
        new = f"k[{len(how.strip)}:]" if how.strip else "k"
        new = f"{how.add!r} + {new}" if how.add else new
        only = f" if k.startswith({how.strip!r})" if how.strip else ""
        state = f"{{{new}: v for k, v in {state}.items(){only}}}"
    return f"model.load_state_dict({state}{', strict=False' if how.partial else ''})"
