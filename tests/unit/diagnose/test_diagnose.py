from __future__ import annotations

from typing import TYPE_CHECKING

from ckptmatrix.diagnose.diagnose import diagnose
from ckptmatrix.judge.outcome import Judgement
from ckptmatrix.wire import ExceptionRecord
from ckptmatrix.words import Reason, Stage, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from ckptmatrix.diagnose.evidence import Evidence


def raised(kind: str, message: str, reason: Reason = Reason.LOAD_ERROR) -> dict[str, object]:
    return {
        "judgement": Judgement(
            verdict=Verdict.FAILED, reason=reason, stage=Stage.LOAD, message=f"{kind}: {message}"
        ),
        "exception": ExceptionRecord(type=kind, message=message),
    }


def test_what_nobody_knows_is_undiagnosed(evidence: Callable[..., Evidence]) -> None:
    diagnosis = diagnose(evidence(**raised("ValueError", "the moon is full")))
    assert not diagnosis.is_known
    assert diagnosis.signature == ""
    assert diagnosis.cause == "ValueError: the moon is full"
    assert diagnosis.cures == ()


def test_an_empty_judgement_is_undiagnosed(evidence: Callable[..., Evidence]) -> None:
    judgement = Judgement(verdict=Verdict.FAILED, reason=Reason.CRASHED, stage=Stage.LOAD)
    diagnosis = diagnose(evidence(judgement=judgement, exception=None))
    assert diagnosis.cause == "nothing was said"


def test_a_class_is_named_with_its_module(evidence: Callable[..., Evidence]) -> None:
    diagnosis = diagnose(evidence())
    assert diagnosis.signature == "class-missing"
    assert "names mine.Net, and the module mine is there and has no Net" in diagnosis.cause


def test_the_words_of_python_3_14_mean_the_same(evidence: Callable[..., Evidence]) -> None:
    message = "module 'mine' has no attribute 'Net'"
    known = evidence(**raised("AttributeError", message, Reason.MISSING_GLOBAL))
    assert diagnose(known) == diagnose(evidence())


def test_it_names_the_versions_of_both_sides(evidence: Callable[..., Evidence]) -> None:
    known = evidence()
    assert known.producer is not None
    assert known.consumer is not None
    saved, loaded = (
        f"torch {facts.torch}, Python {facts.python}, NumPy {facts.numpy or 'none'}"
        for facts in (known.producer, known.consumer)
    )
    assert diagnose(known).versions == f"saved with {saved}; loaded with {loaded}"


def test_of_a_save_and_of_a_file_of_the_users_there_is_one_side(
    evidence: Callable[..., Evidence],
) -> None:
    save = diagnose(evidence(mode=None))
    assert save.versions.startswith("saved with torch ")
    assert "loaded" not in save.versions
    given = diagnose(evidence(producer=None, **raised("ValueError", "the moon is full")))
    assert given.versions.startswith("loaded with torch ")


def test_colours_of_a_terminal_are_not_words(evidence: Callable[..., Evidence]) -> None:
    message = (
        "\x1b[1mWeights only load failed\x1b[0m. Unsupported global: "
        "GLOBAL \x1b[31margparse.Namespace\x1b[0m was not an allowed global"
    )
    known = evidence(**raised("_pickle.UnpicklingError", message, Reason.WEIGHTS_ONLY_REFUSED))
    assert diagnose(known).signature == "refused-namespace"


def test_what_a_cell_says_cannot_write_a_template(evidence: Callable[..., Evidence]) -> None:
    name = "{producer.__class__}{0}" + "x" * 500
    message = f'Missing key(s) in state_dict: "{name[:150]}"'
    known = evidence(**raised("RuntimeError", message, Reason.MISSING_KEYS))
    diagnosis = diagnose(known)
    assert diagnosis.signature == "missing-keys"
    assert "{producer.__class__}{0}" in diagnosis.cause


def test_a_cause_is_one_bounded_line(evidence: Callable[..., Evidence]) -> None:
    message = "Can't get attribute '" + "a" * 200 + "' on <module '" + "b" * 200 + "'>"
    diagnosis = diagnose(evidence(**raised("AttributeError", message, Reason.MISSING_GLOBAL)))
    assert diagnosis.signature == "class-missing"
    assert len(diagnosis.cause) <= 600
    assert diagnosis.cause.isprintable()


def test_code_in_a_file_is_never_answered_with_trust(evidence: Callable[..., Evidence]) -> None:
    message = "Trying to load unsupported GLOBAL posix.system whose module posix is blocked."
    known = evidence(**raised("_pickle.UnpicklingError", message, Reason.WEIGHTS_ONLY_REFUSED))
    diagnosis = diagnose(known)
    assert diagnosis.signature == "refused-code"
    assert "posix.system" in diagnosis.cause
    assert not any("weights_only=False" in cure.text for cure in diagnosis.cures)
    assert not any("add_safe_globals" in cure.text for cure in diagnosis.cures)
