"""Reads a checkpoint file without executing it and without torch."""
