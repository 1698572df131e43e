"""Environments on this machine: a virtual environment a cell, made by uv."""
