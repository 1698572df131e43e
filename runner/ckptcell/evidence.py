"""Exceptions and warnings as the records an event carries: bounded, the same on every machine."""

import errno
import os
import re
import traceback
import warnings

from ckptcell.text import LONG, SHORT, bounded

__all__ = ["Warnings", "exception_record", "out_of_memory", "without_folders"]

_MOST_WARNINGS = 100
_LONGEST_WARNING = 2000
_LONGEST_CAUSE = 2000
_FRAMES = 12

# What allocators say: c10's CPU allocator of several eras, its CUDA allocator, the C++ library, and
# the text of ENOMEM, which mmap's failures carry inside other messages.
_MEMORY_TEXTS = (
    "can't allocate memory",
    "DefaultCPUAllocator: not enough memory",
    "CUDA out of memory",
    "OutOfMemoryError",
    "std::bad_alloc",
    "Cannot allocate memory",
)

#: Fields of the wire's ``Done`` in which what ran in a task may name its files.
_TEXTS = ("exception", "detail", "warnings", "tail")

# Whatever lies before these differs between machines and says nothing.
_INSTALLED = re.compile(r".*/(?:site|dist)-packages/")
_STANDARD = re.compile(r".*/lib(?:64)?/python3[^/]*/")
_PROGRAM = re.compile(r".*/(?=ckptcell/|ckptcell_user_)")


def _class_name(kind):
    module = getattr(kind, "__module__", None)
    name = getattr(kind, "__qualname__", kind.__name__)
    if module in (None, "builtins", "__main__"):
        return bounded(name, SHORT)
    return bounded("{}.{}".format(module, name), SHORT)


def _short_path(path):
    for prefix in (_INSTALLED, _STANDARD, _PROGRAM):
        found = prefix.match(path)
        if found:
            return path[found.end() :]
    return path.rsplit("/", 1)[-1]


def _frames(error):
    lines = []
    for frame in traceback.extract_tb(error.__traceback__, limit=-_FRAMES):
        lines.append("{}:{} in {}".format(_short_path(frame.filename), frame.lineno, frame.name))
        if frame.line:
            lines.append("    " + frame.line)
    return "\n".join(lines)


def _chained(error):
    """What ``error`` was raised from or during, as the interpreter would print it."""
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def exception_record(error):
    """``error`` as the wire's ``ExceptionRecord``."""
    cause = _chained(error)
    return {
        "type": _class_name(type(error)),
        "message": bounded(error),
        "traceback": bounded(_frames(error)),
        "cause": ""
        if cause is None
        else bounded(
            "{}: {}".format(_class_name(type(cause)), bounded(cause, LONG)), _LONGEST_CAUSE
        ),
    }


def without_folders(ending, paths):
    """What an attempt said, where files of its task are named without the folders they are in.

    These are of one job: two jobs that find the same would say it in other words.

    Args:
        ending: Fields of the wire's ``Done``.
        paths: Of the task's files.

    Returns:
        The fields in which texts may name a file, as far as they are there.
    """
    folders = {os.path.dirname(path) for path in paths}
    folders |= {os.path.realpath(folder) for folder in folders}
    places = sorted((folder + os.sep for folder in folders), key=len, reverse=True)

    def told(value):
        if isinstance(value, dict):
            return {key: told(text) for key, text in value.items()}
        if isinstance(value, list):
            return [told(one) for one in value]
        if isinstance(value, str):
            for place in places:
                value = value.replace(place, "")
        return value

    return {field: told(ending[field]) for field in _TEXTS if field in ending}


def out_of_memory(error):
    """Whether ``error``, or what it was raised from, says that memory ran out.

    Args:
        error: An exception, or text a dying process printed.
    """
    if isinstance(error, str):
        return any(text in error for text in _MEMORY_TEXTS)
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, MemoryError):
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        if out_of_memory(_class_name(type(error)) + ": " + bounded(error)):
            return True
        error = _chained(error)
    return False


class Warnings(object):
    """Collects Python warnings while it is entered, each once, however many there are."""

    def __init__(self):
        self.records = []
        self._seen = set()
        self._catch = warnings.catch_warnings()

    def __enter__(self):
        self._catch.__enter__()
        warnings.simplefilter("always")
        # Raised by the garbage collector, so at moments that say nothing about the task.
        warnings.simplefilter("ignore", ResourceWarning)
        warnings.showwarning = self._take
        return self

    def __exit__(self, *failure):
        self._catch.__exit__(*failure)

    def _take(self, message, category, *_place):
        if len(self.records) >= _MOST_WARNINGS:
            return
        record = (_class_name(category), bounded(message, _LONGEST_WARNING))
        if record not in self._seen:
            self._seen.add(record)
            self.records.append({"category": record[0], "message": record[1]})
