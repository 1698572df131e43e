"""Observations to verdicts: a pure function of what was seen and what the case asks for."""
