"""Analyses: pure functions from a run to a record, one module each. No torch, no printing."""
