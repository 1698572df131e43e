"""Which cases there are, read from their source without running it."""

from __future__ import annotations

from ckptmatrix.catalogue.info import CaseInfo
from ckptmatrix.catalogue.read import (
    builtin_cases,
    builtin_paths,
    given_cases,
    read_cases,
    user_cases,
)

__all__ = [
    "CaseInfo",
    "builtin_cases",
    "builtin_paths",
    "given_cases",
    "read_cases",
    "user_cases",
]
