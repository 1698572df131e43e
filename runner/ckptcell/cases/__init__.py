"""The built-in cases, one module a family."""
