"""Drives a plan: prepare, save, load, judge, and keeps what was seen."""
