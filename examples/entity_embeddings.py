"""Entity embeddings: what a neural net learns of the words in a table, and what other models gain by it.

    python examples/entity_embeddings.py                  a made census, then made ratings
    python examples/entity_embeddings.py --data FOLDER    UCI Adult, from adult.data and adult.test
    python examples/entity_embeddings.py --data ml-100k   MovieLens 100K, from the cache, a folder or a zip

A recommender has an embedding for each user and film: a row of numbers that is learned. Every column of words can have
the same: a country, a job. Guo and Berkhahn (2016) put such embeddings in front of a neural net for tables. Each column
of words has a table of embeddings, one row per word. The rows of a person stand side by side with the person's numbers,
and a small net learns all of it together. Words that act alike get embeddings that lie close together.

There are three encodings, three ways to show words to a model:

- bare codes: the place of the word in the alphabet, 0, 1, 2 and so on. Their order and their distances mean nothing.
- one-hot: a column per word, 1 for the person's own word and 0 for all others. All words are equally far apart.
- embeddings: learned by the net, then given to the other model as fixed numbers.

The paper reports that all its models gain much by embeddings. This script asks four models, also such as are no nets:
logistic (or linear) regression; boosting (many small decision trees, each corrects the sum of those before it); a
random forest (the mean of many trees); and nearest neighbours (the mean of the most similar people). The answer depends
on the data, and the script says it in two sentences. On UCI Adult the paper's result does not come back: only
neighbours and logistic regression gain over bare codes, and one-hot columns are almost as good or better. On ratings
all four gain much over bare codes, but they only reach the model that made the embeddings.

The embeddings can also be looked at. In the made census every country has a place on a map that no column tells, and
PCA finds the map again. The nets are saved as a run, so that `embedcli pca --table country` works like on films.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import census
import made_data
import numpy as np
import torch
from made_data import run_script
from numpy.typing import NDArray
from scipy.spatial import procrustes
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import OneHotEncoder
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import embedcli
from embedcli import Run
from embedcli.data.ratings import DataSet, Ratings
from embedcli.run.predictions import predict
from embedcli.run.record import EmbeddingTable
from embedcli.training.engines.torch import one_thread

N_NETS, N_EPOCHS, BATCH, HIDDEN = 3, 8, 256, 64
RATE, DECAY, DROPOUT = 5e-3, 0.5, 0.1
START_SD = 0.05  # small, so that the embeddings show what was learned and not where they started
N_FACTORS = 10  # of the embeddings of users and films
N_TREES = 100  # of boosting; a forest has fewer, but larger ones
ENCODINGS = ("codes", "one-hot", "embeddings")
PAPER = {"boosting": (0.122, 0.071), "forest": (0.167, 0.089), "neighbours": (0.315, 0.099)}  # MAPE: codes, embeddings
WIDE, HIGH = 34, 15  # characters of a map

Figures = dict[str, dict[str, float]]  # by model, then by encoding


# %% 1. The net
class TabularNet(nn.Module):
    """One embedding per column of words, beside the numbers, then one hidden layer."""

    def __init__(self, sizes: list[int], n_numbers: int) -> None:
        super().__init__()
        widths = [min(10, (size + 1) // 2) for size in sizes]
        starts = (START_SD * torch.randn(shape) for shape in zip(sizes, widths, strict=True))
        self.tables = nn.ModuleList(nn.Embedding.from_pretrained(start, freeze=False) for start in starts)
        self.net = nn.Sequential(
            nn.Linear(sum(widths) + n_numbers, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, 2)
        )

    def embed(self, codes: Tensor) -> Tensor:
        """Look up the words of people, codes (n, n_columns) -> embeddings side by side (n, sum of widths)."""
        return torch.cat([table(column) for table, column in zip(self.tables, codes.T, strict=True)], 1)

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return outputs (n, 2) for earning little and much."""
        outputs: Tensor = self.net(torch.cat([self.embed(codes), numbers], 1))
        return outputs


def train(table: census.Table, seed: int) -> TabularNet:
    """Fit a net to the training people: AdamW, one cycle of the learning rate, minibatches."""
    torch.manual_seed(seed)
    model = TabularNet([len(words) for words in table.levels.values()], table.numbers.shape[1])
    codes, numbers, target = (torch.from_numpy(rows) for rows in (table.codes, table.numbers, table.target))
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=DECAY, fused=True)
    n_steps = N_EPOCHS * -(-table.n_train // BATCH)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=n_steps)
    for _ in range(N_EPOCHS):
        for rows in torch.randperm(table.n_train).split(BATCH):
            optimiser.zero_grad()
            cross_entropy(model(codes[rows], numbers[rows]), target[rows]).backward()
            optimiser.step()
            cycle.step()
    return model.eval()


@torch.no_grad()
def accuracy(model: TabularNet, table: census.Table) -> float:
    """Return the share of the test people whose income the net predicts correctly."""
    rows = slice(table.n_train, None)
    outputs = model(torch.from_numpy(table.codes[rows]), torch.from_numpy(table.numbers[rows]))
    return float((outputs.argmax(1).numpy() == table.target[rows]).mean())


# %% 2. Three encodings for four models
@torch.no_grad()
def encoded(table: census.Table, model: TabularNet) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield each encoding of the words, beside the numbers: (n, n_features)."""
    words = (
        table.codes,
        OneHotEncoder(sparse_output=False).fit_transform(table.codes),
        model.embed(torch.from_numpy(table.codes)).numpy(),
    )
    for encoding, shown in zip(ENCODINGS, words, strict=True):
        yield encoding, np.hstack([shown, table.numbers]).astype(np.float32)


def compare(table: census.Table, model: TabularNet, n_trees: int) -> Figures:
    """Return the accuracy on the test people of four models with each of the encodings."""
    known, test, y = slice(table.n_train), slice(table.n_train, None), table.target
    models = {
        "boosting": HistGradientBoostingClassifier(max_iter=n_trees, random_state=0),
        "forest": RandomForestClassifier(n_trees // 2, min_samples_leaf=3, random_state=0),
        "neighbours": KNeighborsClassifier(25, algorithm="brute"),
        "logistic": LogisticRegression(max_iter=1000),
    }
    found: Figures = {name: {} for name in models}
    for encoding, x in encoded(table, model):
        for name, classifier in models.items():
            found[name][encoding] = float(classifier.fit(x[known], y[known]).score(x[test], y[test]))
    return found


def show(found: Figures, what: str) -> None:
    """Print the figures of each model, beside those of the paper."""
    print(f"{'':12}{what:^36}  the paper, MAPE (lower is better)")
    print(f"{'':12}" + "".join(f"{encoding:>12}" for encoding in ENCODINGS) + "         codes  embeddings")
    for name, figures in found.items():
        own = "".join(f"{figures[way]:12.3f}" if way in figures else f"{'-':>12}" for way in ENCODINGS)
        paper = "{:14.3f}{:12.3f}".format(*PAPER[name]) if name in PAPER else f"{'-':>14}{'-':>12}"
        print(f"{name:12}{own}{paper}")


def gains(found: Figures, than: str, least: float, sign: int = 1) -> str:
    """Say which models embeddings help, compared with another encoding, by more than `least`."""
    both = {name: own for name, own in found.items() if {than, "embeddings"} <= own.keys()}
    by_model = {name: sign * (own["embeddings"] - own[than]) + 0.0 for name, own in both.items()}
    helped = [f"{name} by {gain:.3f}" for name, gain in by_model.items() if gain > least]
    others = [f"{name} ({gain:+.3f})" for name, gain in by_model.items() if gain <= least]
    return " and ".join(
        [f"help {', '.join(helped)}"] * bool(helped) + [f"do not help {', '.join(others)}"] * bool(others)
    )


# %% 3. The embeddings as a run of embedcli
def as_run(table: census.Table, models: list[TabularNet]) -> Run:
    """Make a run of the embeddings: the nets are its members, the columns its tables."""
    seen, factors = {}, {}
    target = table.target[: table.n_train]
    for column, (name, words) in enumerate(table.levels.items()):
        codes = table.codes[: table.n_train, column]
        counts = np.bincount(codes, minlength=len(words))
        earners = np.bincount(codes, target, len(words))
        seen[name] = EmbeddingTable.of(words, counts, earners / np.maximum(counts, 1))
        factors[name] = np.stack([model.tables[column].weight.detach().numpy() for model in models])  # type: ignore[operator]
    name = table.title.split()[-1].lower()
    return Run.from_tables(factors, seen, DataSet(name, table.title, "", "", (0, 1), "person", target="high income"))


# %% 4. A map that is found again
def find_map(run: Run, places: NDArray[np.float64]) -> float:
    """Draw the true map and the map that PCA finds -> the share of the true one that is missing (Procrustes).

    A net knows no north: the found map may be turned, mirrored and of another size. Procrustes turns and scales it so
    that it fits the true one as well as it can.
    """
    found = embedcli.pca(run.table("country"), components=2)
    order = np.argsort([int(title.split()[1]) for title in run.tables["country"].labels.titles])
    true, turned, missing = procrustes(places, found.scores[order])
    share = sum(component.share for component in found.components)
    print(f"\nThe first two components have {share:.0%} of the variance of the countries' embeddings.")
    print(f"Share of the true map that they miss (Procrustes): {missing:.3f}\n")
    print(f"{'true map: A is Country 1':<{WIDE + 4}}found by PCA, turned to fit")
    for left, right in zip(drawn(true), drawn(turned), strict=True):
        print(f"{left}    {right}")
    return float(missing)


def drawn(places: NDArray[np.float64]) -> list[str]:
    """Draw places (n, 2) as letters, east to the right and north up; a taken place moves a letter to the right."""
    rows = [[" "] * WIDE for _ in range(HIGH)]
    share = (places - places.min(0)) / np.ptp(places, axis=0)
    for number, (east, north) in enumerate(share):
        line, at = rows[round((1 - north) * (HIGH - 1))], round(east * (WIDE - 1))
        while line[at] != " ":
            at = (at + 1) % WIDE
        line[at] = chr(ord("A") + number)
    return ["".join(line) for line in rows]


def on_census(data: str | None, run_dir: str, n_nets: int, n_trees: int) -> tuple[Figures, Run]:
    """Train nets, compare the encodings, save the run and find the map -> (accuracies, the run)."""
    table = census.read(Path(data)) if data else census.make()[0]
    began = time.perf_counter()
    models = [train(table, seed) for seed in range(n_nets)]
    n_test = len(table.target) - table.n_train
    print(f"{table.title}: {table.n_train:,} training people, {n_test:,} test people")
    print(f"its columns of words: {', '.join(table.levels)}")
    print(f"{n_nets} nets with embeddings, trained in {time.perf_counter() - began:.1f} s")
    found = compare(table, models[0], n_trees)
    net = float(np.mean([accuracy(model, table) for model in models]))
    show(found, "accuracy (higher is better)")
    print(f"{'the net':12}{net:36.3f}")
    error = float(np.sqrt(net * (1 - net) / n_test))  # standard error of a share
    print(f"\nVerdict (gains over the standard error {error:.3f} count):")
    print(f"1. Compared with bare codes, embeddings {gains(found, 'codes', error)}.")
    print(f"2. Compared with one-hot columns, they {gains(found, 'one-hot', error)}.")
    run = embedcli.save_run(as_run(table, models), Path(run_dir))
    if not data:
        found["map"] = {"missing": find_map(run, census.make()[1])}
    first = max(table.levels, key=lambda name: len(table.levels[name]))
    following = shlex.join(["embedcli", "pca", "--table", first, "--run-dir", run_dir, "--run", run.name])
    print(f"\nsaved {Path(run_dir) / run.name}; next: {following}\n")
    return {**found, "the net": {"embeddings": net}}, run


# %% 5. Users and films are words, too
# One-hot would be a column for every user and every film, 2,625 columns for MovieLens 100K. Only linear regression
# takes so many without trouble, and it then learns a bias for each: the model without factors.
def on_ratings(rated: Ratings, n_trees: int) -> Figures:
    """Train embeddings of users and films, and compare encodings for models that predict ratings -> RMSE in stars."""
    split = rated.split("random", seed=0)
    run = embedcli.fit(split, embedcli.TrainConfig(n_factors=N_FACTORS, n_members=1, n_folds=0, n_draws=0))
    names = ("user_factors", "item_factors", "user_bias", "item_bias")
    p, q, user_bias, item_bias = (run.array(name)[0] for name in names)
    codes, one_hot = (np.column_stack([rows.user, rows.item]) for rows in (split.train, split.test)), OneHotEncoder()
    of_train, of_test = codes
    one_hot.fit(np.column_stack([rated.user, rated.item]))
    encodings: dict[str, Callable[[NDArray[np.int32]], NDArray[np.float32]]] = {
        "codes": lambda pairs: pairs.astype(np.float32),
        "one-hot": one_hot.transform,
        "embeddings": lambda pairs: np.column_stack(
            [p[pairs[:, 0]], q[pairs[:, 1]], user_bias[pairs[:, 0]], item_bias[pairs[:, 1]]]
        ),
    }
    models = {
        "boosting": HistGradientBoostingRegressor(max_iter=n_trees, random_state=0),
        "forest": RandomForestRegressor(n_trees // 5, min_samples_leaf=5, max_features=1 / 3, random_state=0),
        "neighbours": KNeighborsRegressor(50),
        "linear": Ridge(),
    }
    low, high = rated.data.scale

    def rmse(predicted: NDArray[np.float32]) -> float:
        return float(np.sqrt(np.mean((np.clip(predicted, low, high) - split.test.value) ** 2)))

    found: Figures = {name: {} for name in models}
    for encoding, of in encodings.items():
        x, test_x = of(of_train), of(of_test)
        for name, model in models.items():
            if encoding != "one-hot" or name == "linear":
                found[name][encoding] = rmse(model.fit(x, split.train.value).predict(test_x))
    own = rmse(predict(run.arrays, split.test.user, split.test.item, run.y_range)[0])
    return {**found, "the model": {"embeddings": own}}


def tell_of_ratings(rated: Ratings, found: Figures) -> None:
    """Print the table of errors and the verdict."""
    own = found.pop("the model")["embeddings"]
    print(f"{rated.data.title}: {len(rated):,} ratings; what is lent are the embeddings and biases of")
    print(f"`embedcli train` with {N_FACTORS} factors and one member")
    show(found, "RMSE in stars (lower is better)")
    print(f"{'the model':12}{own:36.3f}")
    best = min(figures["embeddings"] for figures in found.values())
    error = own / float(np.sqrt(2 * len(rated) / 10))  # standard error of an RMSE over a tenth of the ratings
    print(f"\nVerdict (gains over the standard error {error:.3f} count):")
    print(f"1. Compared with bare codes, embeddings {gains(found, 'codes', error, -1)}.")
    print(f"2. The model that made the embeddings has {own:.3f}, and the best of the others has {best:.3f}:")
    more, same = "they learn more from these numbers.", "so their gain is what that model has learned."
    print(f"   {more if best < own - error else same}")
    found["the model"] = {"embeddings": own}


# %% Run it
@one_thread()  # more threads take more time here: they wait for each other
def main(data: str | None = None, run_dir: str = "runs", *, small: bool = False) -> tuple[Figures, Figures, Run | None]:
    """Compare on a census, on ratings or (without data) on both made ones -> (accuracies, RMSEs, the run)."""
    n_nets, n_trees = (2, 10) if small else (N_NETS, N_TREES) if data else (2, 50)  # made data need fewer
    is_census = data is None or (Path(data) / "adult.data").is_file()
    people, run = on_census(data, run_dir, n_nets, n_trees) if is_census else ({}, None)
    stars: Figures = {}
    if data is None or not is_census:
        rated = made_data.ratings(data) if data else made_data.make()
        stars = on_ratings(rated, n_trees)
        tell_of_ratings(rated, stars)
    return people, stars, run


if __name__ == "__main__":
    run_script(
        main, __doc__, data="a folder with UCI Adult's two files, or MovieLens 100K", run_dir="where runs are saved"
    )

# %% Try this
# - Set N_EPOCHS to 1. Is the map still found? How good are the other models with these embeddings?
# - Set START_SD to 1. Look at the map again: what do you see of the random start?
# - Look at the made jobs: embedcli pca --table job --components 1. Which jobs lie at one end?
#
# Questions
# 1. Why do bare codes harm nearest neighbours more than they harm a forest?
# 2. The net never sees a map. Which part of its task makes it learn one?
# 3. The paper says that embeddings help all models. For which data here is this true, and compared with what?
