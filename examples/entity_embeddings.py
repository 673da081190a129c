"""Entity embeddings: what a neural net learns of the words in a table, and what other models gain by it.

    python examples/entity_embeddings.py [--data FOLDER] [--run-dir RUNS]

A recommender has an embedding for each user and film. Any column of words can have the same: a country, a job. Guo
and Berkhahn (2016) put them in front of a neural net on tabular data: each column of words has a table of
embeddings, a row per word; the rows of a person are laid side by side with the numbers, and a small net with
cross-entropy loss learns all of it together. An embedding is still a one-hot product (embedding_is_one_hot.py), so
nothing is added but a narrow place that words must share: words that act alike come to lie together.

Two things can be done with the tables once they are learned:

- Lend them to models that know no words. A random forest and nearest neighbours get the same people thrice: with
  words as bare codes (their place in the alphabet), as one-hot columns, and as embeddings. Distances between
  codes mean nothing, distances between embeddings do; whether that helps is for the test people to say.
- Look at them. A run of embedcli holds any labelled embeddings, so `embedcli pca --table native-country` takes the
  countries apart like films. Three nets are trained from different starts: an axis that they do not agree on is
  an accident of the start.

`--data` is a folder with UCI Adult's adult.data and adult.test; by default a made census with a planted map stands in
(census.py), and the axes found can be held against the truth.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import census
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import OneHotEncoder
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import embedcli
from embedcli import Run
from embedcli.data.ratings import DataSet
from embedcli.run.record import EmbeddingTable
from embedcli.training.engines.torch import one_thread

N_NETS, N_EPOCHS, BATCH, HIDDEN = 3, 8, 256, 64
RATE, DECAY, DROPOUT = 5e-3, 0.5, 0.1
START_SD = 0.05  # small, so that what is seen of an embedding afterwards is what was learned


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
        """Return logits (n, 2) of earning little and much."""
        scores: Tensor = self.net(torch.cat([self.embed(codes), numbers], 1))
        return scores


@one_thread()  # a step is too small to share
def train(table: census.Table, seed: int) -> TabularNet:
    """Fit a net to the people to learn from: AdamW, one cycle of the learning rate, minibatches by indexing."""
    torch.manual_seed(seed)
    model = TabularNet([len(words) for words in table.levels.values()], table.numbers.shape[1])
    codes, numbers, target = (torch.from_numpy(rows) for rows in (table.codes, table.numbers, table.target))
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=DECAY)
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
    """Return the share of the people to test on whose income the net tells rightly."""
    rows = slice(table.n_train, None)
    scores = model(torch.from_numpy(table.codes[rows]), torch.from_numpy(table.numbers[rows]))
    return float((scores.argmax(1).numpy() == table.target[rows]).mean())


@torch.no_grad()
def features(table: census.Table, model: TabularNet) -> dict[str, NDArray[np.float32]]:
    """Return the three ways to show words to other models, each beside the numbers: (n, n_features)."""
    words = {
        "codes": table.codes,
        "one-hot": OneHotEncoder(sparse_output=False).fit_transform(table.codes),
        "embeddings": model.embed(torch.from_numpy(table.codes)).numpy(),
    }
    return {way: np.hstack([shown, table.numbers]).astype(np.float32) for way, shown in words.items()}


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


def main(data: Path | None = None, run_dir: Path = Path("runs")) -> tuple[dict[str, float], Run]:
    """Train, compare and save -> (accuracies by model and way, the run)."""
    table = census.read(data) if data else census.make()[0]
    began = time.perf_counter()
    models = [train(table, seed) for seed in range(N_NETS)]
    seconds = time.perf_counter() - began
    print(f"{table.title}: {N_NETS} nets trained in {seconds:.1f} s; share of test people told rightly\n")
    ways = features(table, models[0])
    known, left_out = slice(table.n_train), slice(table.n_train, None)
    found = {"neural net": float(np.mean([accuracy(model, table) for model in models]))}
    for name, classifier, shown in (
        ("logistic regression", LogisticRegression(max_iter=1000), ("one-hot",)),
        ("gradient boosting", HistGradientBoostingClassifier(random_state=0), ("codes",)),
        ("random forest", RandomForestClassifier(100, min_samples_leaf=3, n_jobs=-1, random_state=0), tuple(ways)),
        ("nearest neighbours", KNeighborsClassifier(25), tuple(ways)),
    ):
        for way in shown:
            fitted = classifier.fit(ways[way][known], table.target[known])
            found[f"{name}, {way}"] = float(fitted.score(ways[way][left_out], table.target[left_out]))
    for name, share in found.items():
        print(f"{name:32} {share:.4f}")
    run = embedcli.save_run(as_run(table, models), run_dir)
    first = max(table.levels, key=lambda name: len(table.levels[name]))
    print(f"\nsaved {run_dir / run.name}; next: embedcli pca --table {first} --run {run.name}")
    return found, run


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="FOLDER", type=Path, help="a folder with adult.data and adult.test")
    parser.add_argument("--run-dir", metavar="RUNS", type=Path, default=Path("runs"), help="where to save the run")
    given = parser.parse_args()
    main(given.data, given.run_dir)
