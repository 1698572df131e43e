"""``ckptmatrix stamp``: the sidecar of a user's checkpoint."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click
import yaml
from rich.console import Console
from rich.text import Text

from ckptmatrix.archive.read import read_checkpoint
from ckptmatrix.commands.places import cache_folder
from ckptmatrix.commands.user_model import find_model
from ckptmatrix.errors import ExitCode, UsageError
from ckptmatrix.providers.pyz import build_cell_program
from ckptmatrix.providers.venv.conditions import conditions
from ckptmatrix.providers.venv.process import converse
from ckptmatrix.report.text import encodable, plain
from ckptmatrix.run.given import why_no_checkpoint
from ckptmatrix.run.stream import JobStream
from ckptmatrix.sidecar import Environment, environment_of
from ckptmatrix.small_files import read_small
from ckptmatrix.stamping import environment_here, stamp_file
from ckptmatrix.wire import Manifest
from ckptmatrix.words import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ckptmatrix.run.setting import UserModel

__all__ = ["stamp_command"]

_LARGEST = 1_000_000
_PROBE_S = 180.0


def stamp_command(
    path: Path, *, model: str | None, config: Path | None, python: Path | None, as_json: bool
) -> int:
    """Stamp a file.

    Args:
        path: The checkpoint.
        model: ``module:factory`` of the model, which is made in this process, or None.
        config: File of training parameters, or None.
        python: Interpreter it was made with; this one when None.
        as_json: Whether the sidecar is printed.

    Raises:
        ckptmatrix.errors.UsageError: Something is missing, wrong or cannot be written.
    """
    if model is not None and python is not None:
        msg = "--model is made in the Python that runs ckptmatrix: leave out --python, or call\n"
        msg += "    ckptmatrix.stamp(path, model=model) where the model is trained"
        raise UsageError(msg)
    parameters = None if config is None else _parameters(config)
    environment = None if python is None else _ask(python)
    made = None if model is None else _make(find_model(model))
    written = stamp_file(path, model=made, config=parameters, environment=environment)
    if as_json:
        click.echo(written.read_text(encoding="utf-8"), nl=False)
    else:
        Console().print(Text(encodable(plain(f"{written} is written"))), soft_wrap=True)
    why = why_no_checkpoint(read_checkpoint(path), is_folder=path.is_dir())
    if why is not None:
        _note(f"{path} is not a checkpoint: {why}")
    if (environment or environment_here()).torch is None:
        which = "this" if python is None else "that"
        _note(
            f"{which} Python has no torch, so the sidecar names none; give --python the "
            "interpreter that made the file"
        )
    return ExitCode.COMPLETE


def _note(text: str) -> None:
    note = Text(f"note: {encodable(plain(text, 600))}", "yellow")
    Console(stderr=True).print(note, soft_wrap=True)


def _parameters(path: Path) -> object:
    """What a file of YAML, or of JSON, which is YAML as well, says."""
    try:
        text = read_small(path, _LARGEST).decode()
    except OSError as error:
        msg = f"{path} cannot be read as a file of parameters: {error.strerror}"
        raise UsageError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{path} is not text in UTF-8: {error.reason}"
        raise UsageError(msg) from error
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        msg = f"{place}: {error.problem or 'it is neither YAML nor JSON'}"
        raise UsageError(msg) from error
    except Exception as error:
        # PyYAML has no error of its own for `!!bool foo`: what it trips over is raised.
        what = f"{type(error).__name__}: {error}".partition("\n")[0][:200]
        msg = f"{path} is neither YAML nor JSON: {what}"
        raise UsageError(msg) from error


def _ask(python: Path) -> Environment:
    """What another interpreter is, by what the cell program says in it."""
    if not (python.is_file() and os.access(python, os.X_OK)):
        msg = f"--python {python}: that is no program that can be run"
        raise UsageError(msg)
    programs = cache_folder() / "programs"
    programs.mkdir(parents=True, exist_ok=True)
    program = build_cell_program(programs)
    stream = JobStream(
        tasks={},
        on_hello=lambda _: None,
        on_observation=lambda _digest, _value: None,
        on_final=lambda _task, _attempts: None,
    )
    with TemporaryDirectory(prefix="ckptmatrix-", ignore_cleanup_errors=True) as own:
        folders = {name: Path(own, name) for name in ("input", "output", "scratch")}
        for folder in folders.values():
            folder.mkdir()
        arguments = [part for name, folder in folders.items() for part in (f"--{name}", folder)]
        end = converse(
            [python.absolute(), program, *arguments],
            environ=conditions(os.environ, python.absolute().parent.parent, folders["scratch"]),
            cwd=folders["scratch"],
            first_line=Manifest(phase=Phase.PROBE).model_dump_json().encode(),
            deadline_s=_PROBE_S,
            on_line=stream.feed,
            cancel=threading.Event(),
        )
    if stream.facts is None:
        last = (stream.broken or end.tail.strip() or "it said nothing").splitlines()[-1][:300]
        msg = f"--python {python} cannot say what it is: {last}"
        raise UsageError(msg)
    return environment_of(stream.facts)


def _make(model: UserModel) -> Any:  # noqa: ANN401 - the user's
    """The user's model, by their own code, which runs here because they asked for it."""
    try:
        with _path_of(model):
            spec = importlib.util.spec_from_file_location(model.module, model.file)
            if spec is None or spec.loader is None:
                raise ImportError(model.module)  # noqa: TRY301 - the sentence is made below
            module = importlib.util.module_from_spec(spec)
            sys.modules[model.module] = module
            spec.loader.exec_module(module)
            made: Any = module
            for name in model.factory.split("."):
                made = getattr(made, name)
            return made()
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
        msg = f"--model {model.module}:{model.factory} cannot be made here: {what}"
        raise UsageError(msg) from error


@contextmanager
def _path_of(model: UserModel) -> Iterator[None]:
    """The folder of the user's module among those Python looks in."""
    folder = str(model.file.parents[model.module.count(".")])
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
