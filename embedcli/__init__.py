"""embedcli: train a recommender's embeddings, look inside them, and see which of what you see is real.

    import embedcli

    ratings = embedcli.load_ratings("ml-100k")
    run = embedcli.fit(ratings.split("random", seed=0))
    embedcli.biases(run).worst
    embedcli.pca(run, n_components=3).components

Importing embedcli imports nothing else: each name is fetched from its module when it is first used.
"""

# no import up here: `python -m embedcli` runs this file while the working folder is still first on the search path
TYPE_CHECKING = False
if TYPE_CHECKING:
    from embedcli.analysis.axis import axis as axis
    from embedcli.analysis.biases import biases as biases
    from embedcli.analysis.clusters import clusters as clusters
    from embedcli.analysis.compare import compare as compare
    from embedcli.analysis.compare import side_by_side as side_by_side
    from embedcli.analysis.explain import explain as explain
    from embedcli.analysis.map import map_items as map_items
    from embedcli.analysis.pca import pca as pca
    from embedcli.analysis.probe import probe as probe
    from embedcli.analysis.recommend import fold_in as fold_in
    from embedcli.analysis.recommend import of_user as of_user
    from embedcli.analysis.recommend import recommend as recommend
    from embedcli.analysis.similar import similar as similar
    from embedcli.data.loading import load
    from embedcli.errors import EmbedcliError as EmbedcliError
    from embedcli.run.config import TrainConfig as TrainConfig
    from embedcli.run.lookup import find as find
    from embedcli.run.record import Run as Run
    from embedcli.run.shelf import open_run as open_run
    from embedcli.run.store import save
    from embedcli.training.fit import fit as fit

    load_ratings = load
    save_run = save

__version__ = "0.2.0.dev0"
_HOME = {
    "EmbedcliError": "embedcli.errors",
    "Run": "embedcli.run.record",
    "TrainConfig": "embedcli.run.config",
    "axis": "embedcli.analysis.axis",
    "biases": "embedcli.analysis.biases",
    "clusters": "embedcli.analysis.clusters",
    "compare": "embedcli.analysis.compare",
    "explain": "embedcli.analysis.explain",
    "find": "embedcli.run.lookup",
    "fit": "embedcli.training.fit",
    "fold_in": "embedcli.analysis.recommend",
    "load_ratings": "embedcli.data.loading",
    "map_items": "embedcli.analysis.map",
    "of_user": "embedcli.analysis.recommend",
    "open_run": "embedcli.run.shelf",
    "pca": "embedcli.analysis.pca",
    "probe": "embedcli.analysis.probe",
    "recommend": "embedcli.analysis.recommend",
    "save_run": "embedcli.run.store",
    "side_by_side": "embedcli.analysis.compare",
    "similar": "embedcli.analysis.similar",
}
_THERE = {"load_ratings": "load", "save_run": "save"}  # what a name is called in its module, where that differs
__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module 'embedcli' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), _THERE.get(name, name))


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
