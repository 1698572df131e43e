"""Reasons as the middle of a sentence."""

from __future__ import annotations

from ckptmatrix.words import Reason

__all__ = ["phrase"]

#: With ``{}`` for what the message is about, and without when that is not known.
_PHRASES = {
    Reason.KEYS_MISSING: ("{} is lost", "keys are lost"),
    Reason.KEYS_ADDED: ("{} appears", "keys appear"),
    Reason.TYPE_CHANGED: ("{} has another type", "a type is another"),
    Reason.SHAPE_CHANGED: ("{} has another shape", "a shape is another"),
    Reason.DTYPE_CHANGED: ("{} has another dtype", "a dtype is another"),
    Reason.LAYOUT_CHANGED: ("{} has another layout", "a layout is another"),
    Reason.VALUES_DIFFER: ("values differ at {}", "values differ"),
    Reason.ALIASING_CHANGED: ("{} is shared otherwise", "tensors are shared otherwise"),
    Reason.FLAGS_CHANGED: ("{} has other flags", "flags are other"),
    Reason.FORWARD_DIFFERS: ("forward() answers otherwise at {}", "forward() answers otherwise"),
    Reason.RESUME_DIVERGED: ("training goes on otherwise ({})", "training goes on otherwise"),
    Reason.FORMAT_TOO_NEW: ("the file format is too new ({})", "the file format is too new"),
    Reason.FORMAT_UNKNOWN: ("the file format is not known ({})", "the file format is not known"),
    Reason.FORMAT_UNSUPPORTED: (
        "the file format is not supported ({})",
        "the file format is not supported",
    ),
    Reason.FILE_CORRUPT: ("the file is damaged ({})", "the file is damaged"),
    Reason.MISSING_GLOBAL: ("{} does not exist", "a global does not exist"),
    Reason.MISSING_MODULE: ("{} does not exist", "a module does not exist"),
    Reason.SIGNATURE_MISMATCH: (
        "{} takes other arguments",
        "a function in the file takes other arguments",
    ),
    Reason.WEIGHTS_ONLY_REFUSED: ("weights_only refuses {}", "weights_only refuses the file"),
    Reason.IMPORT_REQUIRED: ("{} must be imported first", "a module must be imported first"),
    Reason.DEVICE_UNAVAILABLE: ("device {} is not there", "the device is not there"),
    Reason.DEVICE_INDEX: ("there is no device {}", "there is no device of that index"),
    Reason.DTYPE_UNKNOWN: ("dtype {} is not known", "a dtype is not known"),
    Reason.PICKLE_PROTOCOL: ("pickle protocol {} is too new", "the pickle protocol is too new"),
    Reason.MISSING_KEYS: ("load_state_dict misses {}", "load_state_dict misses keys"),
    Reason.UNEXPECTED_KEYS: (
        "load_state_dict does not expect {}",
        "load_state_dict finds keys it does not expect",
    ),
    Reason.SIZE_MISMATCH: ("{} has another size", "sizes do not match"),
    Reason.LAYOUT_UNSUPPORTED: ("layout {} is not supported", "a layout is not supported"),
    Reason.SOURCE_MISSING: ("{} is not there", "the file is not there"),
    Reason.SOURCE_UNREADABLE: ("{} may not be read", "the file may not be read"),
    Reason.NOT_A_CHECKPOINT: ("the file is no checkpoint but {}", "the file is no checkpoint"),
    Reason.NOT_A_STATE_DICT: ("a {} is loaded as a state dict", "it is no state dict"),
    Reason.NOT_A_MODULE: ("a {} is used as a module", "it is no module"),
    Reason.UNPICKLABLE: ("{} cannot be pickled", "something in it cannot be pickled"),
    Reason.DISK_FULL: ("the disk is full ({})", "the disk is full"),
    Reason.LOAD_ERROR: ("loading raises {}", "loading raises an error"),
    Reason.OBSERVE_ERROR: ("it cannot be looked at ({})", "it cannot be looked at"),
    Reason.FORWARD_ERROR: ("forward() fails ({})", "forward() fails"),
    Reason.RESUME_ERROR: ("training cannot go on ({})", "training cannot go on"),
    Reason.SAVE_ERROR: ("saving raises {}", "saving raises an error"),
    Reason.CRASHED: ("the process crashes ({})", "the process crashes"),
    Reason.TIMEOUT: ("it takes too long ({})", "it takes too long"),
    Reason.OUT_OF_MEMORY: ("memory runs out ({})", "memory runs out"),
    Reason.OUTPUT_FLOOD: ("it floods its output ({})", "it floods its output"),
    Reason.NO_WHEEL: ("there is no wheel ({})", "there is no wheel"),
    Reason.FEATURE_MISSING: ("{} is not there", "a feature is not there"),
    Reason.MODE_MISSING: ("mode {} is not there", "the mode is not there"),
    Reason.ENVIRONMENT_MISMATCH: (
        "the cell is not what its id says ({})",
        "the cell is not what its id says",
    ),
    Reason.PYTHON_NOT_FOUND: ("Python {} was not found", "its Python was not found"),
    Reason.INSTALL_FAILED: ("{} could not be installed", "packages could not be installed"),
    Reason.IMPORT_FAILED: ("{} cannot be imported", "torch cannot be imported"),
    Reason.HOST_UNSUPPORTED: ("this machine cannot run it ({})", "this machine cannot run it"),
    Reason.HOST_FULL: ("the disk is full ({})", "the disk is full"),
    Reason.CELL_LOST: ("the cell program was lost ({})", "the cell program was lost"),
    Reason.CELL_MISBEHAVED: ("the cell broke the protocol ({})", "the cell broke the protocol"),
    Reason.CHECKPOINT_CORRUPT: (
        "the stored checkpoint is damaged ({})",
        "the stored checkpoint is damaged",
    ),
    Reason.UNOBSERVABLE: ("{} is of a kind that is not known", "a kind of object is not known"),
    Reason.DID_NOT_RUN: ("it did not run ({})", "it did not run"),
    Reason.SAVE_FAILED: ("the save failed ({})", "the save failed"),
    Reason.PRODUCER_UNSUPPORTED: ("the producer lacks {}", "the producer cannot make it"),
    Reason.PRODUCER_ERROR: ("the producer is unusable ({})", "the producer is unusable"),
}


def phrase(reason: Reason | None, entity: str = "") -> str:
    """What happened, in a few words.

    Args:
        reason: None for a load that should not have worked and did.
        entity: What it is about, or empty.
    """
    if reason is None:
        return "it loads as if nothing were wrong"
    with_entity, without = _PHRASES[reason]
    return with_entity.format(entity) if entity else without
