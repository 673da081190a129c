"""embedcli: train a recommender's embeddings, look inside them, and see which of what you see is real.

    import embedcli

    ratings = embedcli.load_ratings("ml-100k")
    run = embedcli.fit(ratings.split("random", seed=0))
    embedcli.biases(run).worst
    embedcli.pca(run, n_components=3).components

Importing embedcli imports nothing heavy: each name is fetched from its module when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedcli.analysis.biases import biases as biases
    from embedcli.analysis.components import pca as pca
    from embedcli.data import load as load_ratings
    from embedcli.errors import EmbedcliError as EmbedcliError
    from embedcli.run.record import Run as Run
    from embedcli.run.shelf import open_run as open_run
    from embedcli.run.store import save as save_run
    from embedcli.training.config import TrainConfig as TrainConfig
    from embedcli.training.fit import fit as fit

__version__ = "0.1.0"
__all__ = [
    "EmbedcliError",
    "Run",
    "TrainConfig",
    "biases",
    "fit",
    "load_ratings",
    "open_run",
    "pca",
    "save_run",
]

_HOME = {
    "EmbedcliError": ("embedcli.errors", "EmbedcliError"),
    "Run": ("embedcli.run.record", "Run"),
    "TrainConfig": ("embedcli.training.config", "TrainConfig"),
    "biases": ("embedcli.analysis.biases", "biases"),
    "fit": ("embedcli.training.fit", "fit"),
    "load_ratings": ("embedcli.data", "load"),
    "open_run": ("embedcli.run.shelf", "open_run"),
    "pca": ("embedcli.analysis.components", "pca"),
    "save_run": ("embedcli.run.store", "save"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'embedcli' has no attribute {name!r}")
    module, attribute = _HOME[name]
    return getattr(import_module(module), attribute)
