"""Whether a run may pass: what is new, what was expected to fail, and for how long."""
