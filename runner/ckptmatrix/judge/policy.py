"""What a case asks of the judge: tolerances, what to overlook, what to expect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from ckptmatrix.errors import UsageError
from ckptmatrix.judge.numbers import EXACT, Tolerance
from ckptmatrix.words import Mode, Reason, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ckptmatrix.catalogue import CaseInfo

__all__ = ["CHANGES", "Expectation", "Policy", "expectation_of", "policy_of"]

_Word = TypeVar("_Word", bound=StrEnum)

#: The reasons of ``changed``, the most telling first: a missing key before what it entails, what a
#: leaf is before its numbers, its numbers before how they lie in memory, state before behaviour.
CHANGES = (
    Reason.KEYS_MISSING,
    Reason.KEYS_ADDED,
    Reason.TYPE_CHANGED,
    Reason.SHAPE_CHANGED,
    Reason.DTYPE_CHANGED,
    Reason.VALUES_DIFFER,
    Reason.LAYOUT_CHANGED,
    Reason.ALIASING_CHANGED,
    Reason.FLAGS_CHANGED,
    Reason.FORWARD_DIFFERS,
    Reason.RESUME_DIVERGED,
)

#: Same arithmetic in another order: some units in the last place of the dtype, accumulated.
_BY_DTYPE = {
    "float64": Tolerance(rtol=1e-9, atol=1e-12),
    "complex128": Tolerance(rtol=1e-9, atol=1e-12),
    "float32": Tolerance(rtol=1e-5, atol=1e-6),
    "complex64": Tolerance(rtol=1e-5, atol=1e-6),
    "float16": Tolerance(rtol=1e-2, atol=1e-2),
    "complex32": Tolerance(rtol=1e-2, atol=1e-2),
    "bfloat16": Tolerance(rtol=2e-2, atol=2e-2),
}
#: The same training in float64; over six years of releases only the last digits differed.
_LOSSES = Tolerance(rtol=1e-9, atol=1e-12)
_EIGHT_BITS = Tolerance(rtol=0.25, atol=0.25)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How closely a case compares.

    Attributes:
        forward: Tolerance for outputs of floating dtypes; None for that of each dtype.
        resume: Tolerance for losses.
        ignore: Differences that do not matter to it.
    """

    forward: Tolerance | None = None
    resume: Tolerance = _LOSSES
    ignore: frozenset[Reason] = frozenset()

    def tolerance(self, dtype: str) -> Tolerance:
        """How far outputs of a dtype may be apart; integers and booleans must be equal.

        Args:
            dtype: ``torch.float32``, or ``float64`` for a Python float.
        """
        name = dtype.removeprefix("torch.")
        known = _BY_DTYPE.get(name, _EIGHT_BITS if name.startswith("float8") else EXACT)
        return known if self.forward is None or known is EXACT else self.forward


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """What a good environment answers.

    Attributes:
        verdict: The verdict; None when any load without a fault will do.
        reasons: Any of these; empty for any reason.
    """

    verdict: Verdict | None = None
    reasons: frozenset[Reason] = frozenset()

    def met_by(self, verdict: Verdict, reason: Reason | None) -> bool:
        """Whether an outcome is as expected.

        ``unsupported`` is nobody's fault and always as expected.
        """
        if verdict is Verdict.UNSUPPORTED:
            return True
        if verdict is not (Verdict.OK if self.verdict is None else self.verdict):
            return False
        return not self.reasons or reason in self.reasons


def policy_of(case: CaseInfo) -> Policy:
    """What a case's ``policy`` says.

    Raises:
        UsageError: It says something it cannot say.
    """
    default = Policy()
    fields = _fields(case, "policy", case.policy, ("forward", "resume", "ignore"))
    forward = fields.get("forward")
    return Policy(
        forward=None if forward is None else _tolerance(case, "forward", forward, EXACT),
        resume=_tolerance(case, "resume", fields.get("resume", {}), default.resume),
        ignore=frozenset(
            _words(case, "policy['ignore']", fields.get("ignore", []), Reason, CHANGES)
        ),
    )


def expectation_of(case: CaseInfo, mode: Mode | None) -> Expectation:
    """What a case's ``expect`` says.

    Args:
        case: The case.
        mode: How it is loaded; None for its save.

    Raises:
        UsageError: It says something it cannot say.
    """
    whole = _fields(case, "expect", case.expect, ("verdict", "reasons", "modes"))
    modes = _fields(case, "expect['modes']", whole.get("modes", {}), tuple(Mode))
    fields: Mapping[str, Any] = whole
    if mode is not None and mode in modes:
        name = f"expect['modes'][{mode.value!r}]"
        fields = _fields(case, name, modes[mode], ("verdict", "reasons"))
    verdicts = [] if fields.get("verdict") is None else [fields["verdict"]]
    named = _words(case, "expect['verdict']", verdicts, Verdict, tuple(Verdict))
    return Expectation(
        verdict=named[0] if named else None,
        reasons=frozenset(
            _words(case, "expect['reasons']", fields.get("reasons", []), Reason, tuple(Reason))
        ),
    )


def _fields(
    case: CaseInfo, name: str, value: object, allowed: tuple[str, ...]
) -> Mapping[str, Any]:
    if not hasattr(value, "items"):
        raise _wrong(case, f"{name} must be a dict, not {value!r:.80}")
    fields: dict[str, Any] = dict(value.items())
    unknown = [key for key in fields if key not in allowed]
    if unknown:
        known = ", ".join(repr(str(key)) for key in allowed)
        raise _wrong(case, f"{name} has the unknown key {unknown[0]!r:.80}; it may have {known}")
    return fields


def _tolerance(case: CaseInfo, name: str, value: object, default: Tolerance) -> Tolerance:
    fields = _fields(case, f"policy[{name!r}]", value, ("rtol", "atol"))
    for key, given in fields.items():
        good = isinstance(given, int | float) and not isinstance(given, bool)
        if not good or not (math.isfinite(given) and given >= 0):
            raise _wrong(
                case, f"policy[{name!r}][{key!r}] must be a number from 0 on, not {given!r:.80}"
            )
    return Tolerance(
        rtol=float(fields.get("rtol", default.rtol)), atol=float(fields.get("atol", default.atol))
    )


def _words(
    case: CaseInfo, name: str, value: object, word: type[_Word], allowed: Collection[_Word]
) -> list[_Word]:
    if not isinstance(value, list | tuple):
        raise _wrong(case, f"{name} must be a list, not {value!r:.80}")
    found = []
    for given in value:
        try:
            read = word(given)
        except ValueError:
            read = None
        if read is None or read not in allowed:
            raise _wrong(case, f"{name} has the unknown word {given!r:.80}")
        found.append(read)
    return found


def _wrong(case: CaseInfo, problem: str) -> UsageError:
    where = f"{case.source}: " if case.source else ""
    return UsageError(f"{where}case {case.name}: {problem}")
