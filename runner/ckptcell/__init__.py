"""The program inside a cell: standard library and torch only, Python 3.6 and later."""

__version__ = "0.1.0"
