"""Analyses: pure functions from a run to a record. No torch, no printing.

Import from the modules: the components need scikit-learn, which takes a second to import, the biases do not.
"""
