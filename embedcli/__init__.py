"""embedcli: train a recommender's embeddings, look inside them, and see which of what you see is real.

    import embedcli

    ratings = embedcli.load_ratings("ml-100k")
    run = embedcli.fit(ratings.split("random", seed=0))
    embedcli.biases(run).worst
    embedcli.pca(run, components=3).components

Importing embedcli imports nothing else: each name is fetched from its module when it is first used.
"""

# no import up here: `python -m embedcli` runs this file while the working folder is still first on the search path
TYPE_CHECKING = False
if TYPE_CHECKING:
    from embedcli.analysis.axis import axis as axis
    from embedcli.analysis.biases import biases as biases
    from embedcli.analysis.biases import movers as movers
    from embedcli.analysis.clusters import clusters as clusters
    from embedcli.analysis.compare import compare as compare
    from embedcli.analysis.compare import side_by_side as side_by_side
    from embedcli.analysis.evaluate import evaluate as evaluate
    from embedcli.analysis.evaluate import evaluate_pair as evaluate_pair
    from embedcli.analysis.explain import explain as explain
    from embedcli.analysis.export import export_run as export_run
    from embedcli.analysis.map import map_items as map_items
    from embedcli.analysis.pca import pca as pca
    from embedcli.analysis.predict import predict as predict
    from embedcli.analysis.predict import predict_all as predict_all
    from embedcli.analysis.probe import probe as probe
    from embedcli.analysis.recommend import fold_in as fold_in
    from embedcli.analysis.recommend import of_user as of_user
    from embedcli.analysis.recommend import recommend as recommend
    from embedcli.analysis.similar import similar as similar
    from embedcli.data.loading import load
    from embedcli.data.ratings import Ratings as Ratings
    from embedcli.data.ratings import Split as Split
    from embedcli.data.read_options import ReadOptions as ReadOptions
    from embedcli.errors import EmbedcliError as EmbedcliError
    from embedcli.run.align import aligned as aligned
    from embedcli.run.config import TrainConfig as TrainConfig
    from embedcli.run.importers.load import import_run as import_run
    from embedcli.run.lookup import find as find
    from embedcli.run.record import Run as Run
    from embedcli.run.shelf import open_run as open_run
    from embedcli.run.store import save
    from embedcli.training.fit import fit as fit

    load_ratings = load
    save_run = save

__version__ = "0.2.0.dev0"
_ANALYSES = (
    *("axis", "biases", "clusters", "compare", "evaluate", "explain"),
    *("pca", "predict", "probe", "recommend", "similar"),
)
_HOME = {
    **{name: f"embedcli.analysis.{name}:{name}" for name in _ANALYSES},
    "EmbedcliError": "embedcli.errors:EmbedcliError",
    "Ratings": "embedcli.data.ratings:Ratings",
    "ReadOptions": "embedcli.data.read_options:ReadOptions",
    "Run": "embedcli.run.record:Run",
    "Split": "embedcli.data.ratings:Split",
    "TrainConfig": "embedcli.run.config:TrainConfig",
    "evaluate_pair": "embedcli.analysis.evaluate:evaluate_pair",
    "export_run": "embedcli.analysis.export:export_run",
    "aligned": "embedcli.run.align:aligned",
    "find": "embedcli.run.lookup:find",
    "fit": "embedcli.training.fit:fit",
    "fold_in": "embedcli.analysis.recommend:fold_in",
    "import_run": "embedcli.run.importers.load:import_run",
    "load_ratings": "embedcli.data.loading:load",
    "map_items": "embedcli.analysis.map:map_items",
    "movers": "embedcli.analysis.biases:movers",
    "of_user": "embedcli.analysis.recommend:of_user",
    "open_run": "embedcli.run.shelf:open_run",
    "predict_all": "embedcli.analysis.predict:predict_all",
    "save_run": "embedcli.run.store:save",
    "side_by_side": "embedcli.analysis.compare:side_by_side",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    from pkgutil import resolve_name

    if name not in _HOME:
        raise AttributeError(f"module 'embedcli' has no attribute {name!r}")
    return resolve_name(_HOME[name])


def __dir__() -> list[str]:
    return sorted([*_HOME, "__version__", "__doc__", "__all__"])
