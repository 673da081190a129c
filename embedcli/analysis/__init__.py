"""Analyses: pure functions from a run to a record. No torch, no printing."""

from embedcli.analysis.biases import Biases, biases
from embedcli.analysis.components import Components, pca

__all__ = ["Biases", "Components", "biases", "pca"]
