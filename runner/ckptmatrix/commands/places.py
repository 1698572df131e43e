"""Where things are kept on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Folder of environments, locks and the built cell program; ``CKPTMATRIX_CACHE`` moves it."""
    return Path(os.environ.get("CKPTMATRIX_CACHE") or platformdirs.user_cache_dir("ckptmatrix"))
