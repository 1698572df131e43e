"""``ckptmatrix doctor``: is this machine ready, and what is missing."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from ckptmatrix.commands.places import cache_folder
from ckptmatrix.doctor import diagnose_host
from ckptmatrix.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["doctor_command"]

_SYMBOLS = {"ok": ("✓", "green"), "warn": ("•", "yellow"), "missing": ("✗", "red")}


def doctor_command(*, reports: Path, as_json: bool) -> int:
    """Print what was found; 0 when cells can be made here, 3 when not."""
    checks = diagnose_host(cache_dir=cache_folder(), reports=reports)
    if as_json:
        click.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        console = Console()
        for check in checks:
            symbol, colour = _SYMBOLS[check.status]
            line = Text(f"{symbol} ", style=colour).append(f"{check.name}: ", style="bold")
            console.print(line.append(check.detail, style="default"), soft_wrap=True)
            if check.fix:
                console.print(Text(f"    {check.fix}", style="italic"), soft_wrap=True)
    return ExitCode.UNUSABLE if any(check.status == "missing" for check in checks) else 0
