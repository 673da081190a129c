"""Engines: each trains the parameters of a model in place, behind one function `learn`."""
