"""Vectors of other programs, trained on MovieLens 100K, saved as each program saves them, and imported.

    python examples/benchmarks/imports.py [implicit fastai ...] [--data PATH] [--keep FOLDER]

A program that is not installed is left out: `pip install implicit fastai gensim lenskit scikit-surprise tensorboard`.
The table says how far the predictions of the imported run are from the program's own, on 2,000 pairs, how long the
import took, and which commands then work. The lines that save a model are those of docs/usage.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import embedcli
from embedcli.data.ratings import Ratings
from embedcli.evidence.bases import Rows

N_PAIRS, SEED, N_FACTORS = 2_000, 0, 32
LIKED = 4.0  # stars from which a film belongs to what a user likes
COMMANDS = {
    "pca": ["pca"],
    "similar": ["similar", "star wars"],
    "map": ["map", "-o", "map.png"],
    "clusters": ["clusters"],
    "probe": ["probe"],
    "report": ["report", "-o", "report.html"],
}


@dataclass(frozen=True)
class Made:
    """A file of vectors, the options that it is imported with, and what its program predicts for pairs, if it does."""

    path: Path
    options: dict[str, Any]
    predictions: NDArray[np.floating] | None = None


def with_implicit(ratings: Ratings, folder: Path, user: Rows, item: Rows) -> Made:
    """Train implicit's ALS; its file has no ids, so a table beside it has one for each row."""
    import scipy.sparse as sparse
    from implicit.als import AlternatingLeastSquares

    shape = len(ratings.users), len(ratings.items)
    model = AlternatingLeastSquares(factors=N_FACTORS, random_state=SEED, num_threads=1)
    model.fit(sparse.csr_matrix((ratings.value, (ratings.user, ratings.item)), shape), show_progress=False)
    model.save(folder / "als.npz")
    write_ids(folder / "users.csv", ratings.users.ids)
    write_ids(folder / "items.csv", ratings.items.ids)
    own = (model.user_factors[user] * model.item_factors[item]).sum(1)
    return Made(folder / "als.npz", {}, own)


def with_fastai(ratings: Ratings, folder: Path, user: Rows, item: Rows) -> Made:
    """Train the lesson's model with fastai, and save its state_dict."""
    import pandas as pd
    import torch
    from fastai.collab import CollabDataLoaders, collab_learner

    frame = pd.DataFrame({"user": ratings.user, "item": ratings.item, "rating": ratings.value})
    frame["user"], frame["item"] = (
        np.array(table.ids)[frame[name]] for name, table in (("user", ratings.users), ("item", ratings.items))
    )
    loaders = CollabDataLoaders.from_df(frame, seed=SEED, bs=2048)
    learner = collab_learner(loaders, n_factors=N_FACTORS, y_range=(0, 5.5))
    with learner.no_bar(), learner.no_logging():
        learner.fit_one_cycle(2, 2e-2, wd=0.1)
    torch.save(learner.model.state_dict(), folder / "fastai.pth")
    for name, key in (("users.csv", "user"), ("items.csv", "item")):
        write_ids(folder / name, list(loaders.classes[key]))
    code = [{name: row for row, name in enumerate(loaders.classes[key])} for key in ("user", "item")]
    rows = [
        [code[0].get(ratings.users.ids[u], 0), code[1].get(ratings.items.ids[i], 0)]
        for u, i in zip(user.tolist(), item.tolist(), strict=True)
    ]
    with torch.no_grad():
        own = learner.model.eval().cpu()(torch.tensor(rows)).numpy()
    own = np.where((np.array(rows) > 0).all(1), own, np.nan)  # row 0 is of unknown ids
    return Made(folder / "fastai.pth", {"y_range": (0.0, 5.5)}, own)


def with_gensim(ratings: Ratings, folder: Path, user: Rows, item: Rows) -> Made:
    """Train word2vec on the films that each user likes, and save it in the binary format."""
    from gensim.models import Word2Vec

    liked = ratings.value >= LIKED
    names = np.array(ratings.items.ids)[ratings.item]
    sentences = [names[liked & (ratings.user == u)].tolist() for u in range(len(ratings.users))]
    model = Word2Vec(sentences, vector_size=N_FACTORS, window=1000, min_count=1, sg=1, seed=SEED, workers=1)
    model.wv.save_word2vec_format(folder / "gensim.bin", binary=True)
    return Made(folder / "gensim.bin", {})


def with_gensim_text(ratings: Ratings, folder: Path, user: Rows, item: Rows) -> Made:
    """Convert the same vectors to text."""
    from gensim.models import KeyedVectors

    made = with_gensim(ratings, folder, user, item)
    KeyedVectors.load_word2vec_format(made.path, binary=True).save_word2vec_format(folder / "gensim.txt")
    return Made(folder / "gensim.txt", {})


def with_lenskit(ratings: Ratings, folder: Path, user: Rows, item: Rows) -> Made:
    """Train LensKit's biased ALS, and save its arrays with the ids of their rows."""
    import pandas as pd
    from lenskit.als import BiasedMFScorer
    from lenskit.data import ItemList, from_interactions_df
    from lenskit.training import TrainingOptions

    frame = pd.DataFrame({"user_id": ratings.user, "item_id": ratings.item, "rating": ratings.value.astype(float)})
    scorer = BiasedMFScorer(embedding_size=N_FACTORS)
    scorer.train(from_interactions_df(frame), TrainingOptions(rng=SEED))
    np.savez(
        folder / "lenskit.npz",
        user_factors=scorer.user_embeddings,
        item_factors=scorer.item_embeddings,
        user_bias=scorer.bias.user_biases,
        item_bias=scorer.bias.item_biases,
        global_bias=scorer.bias.global_bias,
        user_ids=np.array(ratings.users.ids)[scorer.users.ids()],
        item_ids=np.array(ratings.items.ids)[scorer.items.ids()],
    )
    own = [float(scorer(int(u), ItemList([int(i)])).scores()[0]) for u, i in zip(user[:200], item[:200], strict=True)]
    return Made(folder / "lenskit.npz", {"y_range": None}, np.array([*own, *[np.nan] * (len(user) - 200)]))


def with_surprise(ratings: Ratings, folder: Path, user: Rows, item: Rows) -> Made:
    """Train Surprise's SVD, and save its arrays with the ids of their rows."""
    import pandas as pd
    from surprise import SVD, Dataset, Reader

    frame = pd.DataFrame({"user": ratings.user, "item": ratings.item, "rating": ratings.value})
    for name, table in (("user", ratings.users), ("item", ratings.items)):
        frame[name] = np.array(table.ids)[frame[name]]
    train = Dataset.load_from_df(frame, Reader(rating_scale=(1, 5))).build_full_trainset()
    model = SVD(n_factors=N_FACTORS, random_state=SEED).fit(train)
    np.savez(
        folder / "surprise.npz",
        user_factors=model.pu,
        item_factors=model.qi,
        user_bias=model.bu,
        item_bias=model.bi,
        global_bias=train.global_mean,
        user_ids=[train.to_raw_uid(row) for row in train.all_users()],
        item_ids=[train.to_raw_iid(row) for row in train.all_items()],
    )
    pairs = zip(user.tolist(), item.tolist(), strict=True)
    own = [
        model.estimate(train.to_inner_uid(ratings.users.ids[u]), train.to_inner_iid(ratings.items.ids[i]))
        for u, i in pairs
    ]
    return Made(folder / "surprise.npz", {}, np.array(own))


def with_projector(ratings: Ratings, folder: Path, user: Rows, item: Rows) -> Made:
    """Have PyTorch write the files of TensorBoard's projector, for vectors of the films."""
    import torch
    from torch.utils.tensorboard import SummaryWriter

    table = np.zeros((len(ratings.items), len(ratings.users)), np.float32)
    table[ratings.item, ratings.user] = ratings.value - ratings.value.mean()
    left, s, _ = np.linalg.svd(table, full_matrices=False)
    labels = list(zip(ratings.items.ids, ratings.items.titles, strict=True))
    with SummaryWriter(str(folder)) as writer:
        vectors = torch.tensor(left[:, :N_FACTORS] * s[:N_FACTORS])
        writer.add_embedding(vectors, metadata=labels, metadata_header=["id", "title"])
    return Made(next(folder.rglob("tensors.tsv")), {})


PROGRAMS: dict[str, Callable[[Ratings, Path, Rows, Rows], Made]] = {
    "implicit": with_implicit,
    "fastai": with_fastai,
    "gensim": with_gensim,
    "gensim-text": with_gensim_text,
    "lenskit": with_lenskit,
    "surprise": with_surprise,
    "projector": with_projector,
}


def write_ids(path: Path, ids: Sequence[object]) -> None:
    """Write a table with an id in each row."""
    path.write_text("\n".join(["id", *map(str, ids), ""]), encoding="utf-8")


def measure(name: str, ratings: Ratings, source: str, folder: Path) -> list[str]:
    """Make the vectors of a program, import them, and return the row of the table."""
    rng = np.random.default_rng(SEED)
    user, item = (rng.integers(len(table), size=N_PAIRS) for table in (ratings.users, ratings.items))
    folder.mkdir(parents=True)
    try:
        made = PROGRAMS[name](ratings, folder, user, item)
    except ImportError as error:
        return [name, f"not installed: {error.name}", "", "", ""]
    began = time.perf_counter()
    run = embedcli.import_run(made.path, ratings=source, **made.options)
    seconds = time.perf_counter() - began
    embedcli.save_run(run, folder / "runs", name=name)
    pairs = [(ratings.users.ids[u], ratings.items.ids[i]) for u, i in zip(user.tolist(), item.tolist(), strict=True)]
    difference = "no predictions"
    if made.predictions is not None:
        own = np.array([row["prediction"] for row in embedcli.predict(run, pairs).predictions], np.float64)
        difference = f"{np.nanmax(np.abs(own - made.predictions)):.1e}"
    return [
        name,
        made.path.name,
        f"{len(run.items):,}",
        difference,
        f"{seconds:.1f} s",
        *map(str, run_all(folder, name)),
    ]


def run_all(folder: Path, name: str) -> list[str]:
    """Run every command on the imported run, and return for each whether it works."""
    ends = []
    for command in COMMANDS.values():
        line = [sys.executable, "-m", "embedcli", *command, "--run", name]
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
        ends.append("yes" if done.returncode == 0 else done.stderr.splitlines()[0][:60])
    return ends


def main() -> None:
    """Print a row for each program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="*", choices=[[], *PROGRAMS])
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--keep", type=Path, help="folder for the files and the runs")
    args = parser.parse_args()
    ratings = embedcli.load_ratings(args.data)
    print("| program | file | films | largest difference | import |", " | ".join(COMMANDS), "|")
    print("|---|---|--:|--:|--:|" + "---|" * len(COMMANDS))
    with tempfile.TemporaryDirectory() as scratch:
        for name in args.programs or PROGRAMS:
            row = measure(name, ratings, args.data, (args.keep or Path(scratch)) / name)
            print("|", " | ".join(row), "|", flush=True)


if __name__ == "__main__":
    main()
