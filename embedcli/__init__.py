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
    from embedcli.data.loading import load
    from embedcli.errors import EmbedcliError as EmbedcliError
    from embedcli.run.record import Run as Run
    from embedcli.run.shelf import open_run as open_run
    from embedcli.run.store import save
    from embedcli.training.config import TrainConfig as TrainConfig
    from embedcli.training.fit import fit as fit

    load_ratings = load
    save_run = save

__version__ = "0.1.0"
_HOME = {
    "EmbedcliError": "embedcli.errors",
    "Run": "embedcli.run.record",
    "TrainConfig": "embedcli.training.config",
    "biases": "embedcli.analysis.biases",
    "fit": "embedcli.training.fit",
    "load_ratings": "embedcli.data.loading",
    "open_run": "embedcli.run.shelf",
    "pca": "embedcli.analysis.components",
    "save_run": "embedcli.run.store",
}
_THERE = {"load_ratings": "load", "save_run": "save"}  # what a name is called in its module, where that differs
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'embedcli' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), _THERE.get(name, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
