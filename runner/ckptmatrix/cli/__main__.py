"""``python -m ckptmatrix.cli``."""

import sys

from ckptmatrix.cli import main

sys.exit(main())
