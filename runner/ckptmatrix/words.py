"""The project's vocabulary: verdicts, reasons, stages, modes and phases.

Every other module, every record on disk and every page says these words and no others.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Mode", "OpenedAs", "Phase", "Reason", "Result", "Stage", "Verdict"]


class Verdict(StrEnum):
    """What happened to one load."""

    OK = "ok"
    CHANGED = "changed"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    ERROR = "error"
    ABORTED = "aborted"

    @property
    def symbol(self) -> str:
        """One character for tables."""
        return _SYMBOLS[self]

    @property
    def severity(self) -> int:
        """Rank for «the worst of»: higher is worse. Silent change outranks a loud failure."""
        return _SEVERITY.index(self)


_SYMBOLS = {
    Verdict.OK: "✓",
    Verdict.CHANGED: "≠",
    Verdict.FAILED: "✗",
    Verdict.UNSUPPORTED: "–",
    Verdict.ERROR: "!",
    Verdict.ABORTED: "⊘",
}
_SEVERITY = (
    Verdict.UNSUPPORTED,
    Verdict.OK,
    Verdict.ABORTED,
    Verdict.ERROR,
    Verdict.FAILED,
    Verdict.CHANGED,
)


class Stage(StrEnum):
    """Where one load (or one save) ended."""

    SAVE = "save"
    LOAD = "load"
    OBSERVE = "observe"
    FORWARD = "forward"
    RESUME = "resume"


class Mode(StrEnum):
    """How a consumer loads, in rising trust. ``ckptcell.modes`` says which call each one makes.

    The last ones are cures: a case that knows one of them may help plans it beside its format's own
    modes, so that advice rests on what was seen.
    """

    PLAIN = "plain"
    MAPPED = "mapped"
    RESTRICTED = "restricted"
    MMAP = "mmap"
    ALLOWLISTED = "allowlisted"
    TRUSTED = "trusted"
    STRIPPED = "stripped"
    PREFIXED = "prefixed"
    PARTIAL = "partial"

    @property
    def is_cure(self) -> bool:
        """Whether it is tried as a remedy, not as a way people load by themselves."""
        return self in _CURES


_CURES = frozenset({Mode.ALLOWLISTED, Mode.STRIPPED, Mode.PREFIXED, Mode.PARTIAL})


class OpenedAs(StrEnum):
    """What a loader is given of a file."""

    PATH = "path"
    FILE = "file"
    BUFFER = "buffer"
    STREAM = "stream"  # a file object that cannot be rewound


class Phase(StrEnum):
    """What a job is for."""

    PROBE = "probe"
    SAVE = "save"
    LOAD = "load"


class Result(StrEnum):
    """How the cell program says one attempt at a task ended. Never a judgement."""

    RETURNED = "returned"
    RAISED = "raised"
    DIED = "died"
    TIMEOUT = "timeout"
    UNSUPPORTED = "unsupported"
    OUTPUT_FLOOD = "output_flood"
    INPUT_MISMATCH = "input_mismatch"


class Reason(StrEnum):
    """Why an outcome has its verdict. One catalogue for verdicts, cells and saves."""

    # changed
    KEYS_MISSING = "keys_missing"
    KEYS_ADDED = "keys_added"
    TYPE_CHANGED = "type_changed"
    SHAPE_CHANGED = "shape_changed"
    DTYPE_CHANGED = "dtype_changed"
    LAYOUT_CHANGED = "layout_changed"
    VALUES_DIFFER = "values_differ"
    ALIASING_CHANGED = "aliasing_changed"
    FLAGS_CHANGED = "flags_changed"
    FORWARD_DIFFERS = "forward_differs"
    RESUME_DIVERGED = "resume_diverged"
    # failed
    FORMAT_TOO_NEW = "format_too_new"
    FORMAT_UNKNOWN = "format_unknown"
    FORMAT_UNSUPPORTED = "format_unsupported"
    FILE_CORRUPT = "file_corrupt"
    MISSING_GLOBAL = "missing_global"
    MISSING_MODULE = "missing_module"
    SIGNATURE_MISMATCH = "signature_mismatch"
    WEIGHTS_ONLY_REFUSED = "weights_only_refused"
    IMPORT_REQUIRED = "import_required"
    DEVICE_UNAVAILABLE = "device_unavailable"
    DEVICE_INDEX = "device_index"
    DTYPE_UNKNOWN = "dtype_unknown"
    PICKLE_PROTOCOL = "pickle_protocol"
    MISSING_KEYS = "missing_keys"
    UNEXPECTED_KEYS = "unexpected_keys"
    SIZE_MISMATCH = "size_mismatch"
    LAYOUT_UNSUPPORTED = "layout_unsupported"
    SOURCE_MISSING = "source_missing"
    SOURCE_UNREADABLE = "source_unreadable"
    NOT_A_CHECKPOINT = "not_a_checkpoint"
    NOT_A_STATE_DICT = "not_a_state_dict"
    NOT_A_MODULE = "not_a_module"
    UNPICKLABLE = "unpicklable"
    DISK_FULL = "disk_full"
    LOAD_ERROR = "load_error"
    OBSERVE_ERROR = "observe_error"
    FORWARD_ERROR = "forward_error"
    RESUME_ERROR = "resume_error"
    SAVE_ERROR = "save_error"
    CRASHED = "crashed"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    OUTPUT_FLOOD = "output_flood"
    # unsupported
    NO_WHEEL = "no_wheel"
    FEATURE_MISSING = "feature_missing"
    MODE_MISSING = "mode_missing"
    # error
    ENVIRONMENT_MISMATCH = "environment_mismatch"
    PYTHON_NOT_FOUND = "python_not_found"
    INSTALL_FAILED = "install_failed"
    IMPORT_FAILED = "import_failed"
    HOST_UNSUPPORTED = "host_unsupported"
    HOST_FULL = "host_full"
    CELL_LOST = "cell_lost"
    CELL_MISBEHAVED = "cell_misbehaved"
    CHECKPOINT_CORRUPT = "checkpoint_corrupt"
    UNOBSERVABLE = "unobservable"
    DID_NOT_RUN = "did_not_run"
    # aborted
    SAVE_FAILED = "save_failed"
    PRODUCER_UNSUPPORTED = "producer_unsupported"
    PRODUCER_ERROR = "producer_error"
