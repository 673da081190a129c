"""Transfer learning on ratings: keep the films that a model has learned, and learn only new users.

    python examples/transfer_learning.py [--data PATH] [--small]

The file is divided into cells by `# %%`, so it opens as a notebook. Read dot_product_from_scratch.py first: it explains
the model, and the error in stars (RMSE).

Transfer learning takes a model that was trained on much data, and trains a part of it for a new task with little data.
In the lesson the model knows pictures. Its last matrix, which gives one number for each kind of picture, is replaced
by a new one, because the new task has other kinds. Here the model knows films. Its table of users is replaced by a
new one, because the new users are other people. There are four words to learn:

- Replace: a new table, at random, takes the place of the old one.
- Freeze: the other weights stay as they are. Only the new table is trained.
- Unfreeze: after that, all weights are trained.
- Discriminative learning rates: different weights have different learning rates. The old ones get a small rate, since
  they are good already, and the new ones a large one.

The test: about a seventh of the users are left out. A model learns from all others. Then each new user gives ten
ratings, and all other ratings of the new users are to be predicted: they are the test ratings.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, replace

import numpy as np
import torch
from lesson_training import WEIGHT_DECAY, fit_one_cycle
from made_data import RATINGS, ratings, run_script
from numpy.typing import NDArray
from torch import Tensor, nn

import embedcli
from embedcli import Run, TrainConfig
from embedcli.analysis.posterior import Predictor
from embedcli.data.ratings import Ratings
from embedcli.data.scale import y_range_for
from embedcli.run.predictions import mean_prediction
from embedcli.training.engines.torch import one_thread
from embedcli.training.evaluation import score

N_FACTORS, N_GIVEN = 50, 10  # numbers per user and film; ratings of a new user
N_OLD_EPOCHS, N_NEW_EPOCHS, N_MORE_EPOCHS = 5, 20, 5  # of the old users, of the new ones, and after unfreezing
RATE = 5e-3  # the highest learning rate
SHARE_NEW = 0.1517  # of the users: 143 of the 943 of MovieLens 100K


# %% Who is new
@dataclass(frozen=True)
class Task:
    """The ratings of the old users, the ten of each new user, and the test ratings."""

    old: Ratings
    new: Ratings
    test: Ratings


def leave_out(films: Ratings, seed: int = 1) -> Task:
    """Leave out some users, and take ten ratings of each, by chance. The tables of users hold their own users only."""
    rng = np.random.default_rng(seed)
    able = np.flatnonzero(np.bincount(films.user) >= 2 * N_GIVEN)  # all users of MovieLens
    chosen = np.sort(rng.choice(able, round(SHARE_NEW * len(able)), replace=False))
    rows = rng.permutation(np.flatnonzero(np.isin(films.user, chosen)))
    rows = rows[np.argsort(films.user[rows], kind="stable")]  # user by user, the ratings of each in random order
    place = np.arange(len(rows)) - np.searchsorted(films.user[rows], films.user[rows])  # 0, 1, 2, ... for each user
    new, test, old = rows[place < N_GIVEN], rows[place >= N_GIVEN], np.flatnonzero(~np.isin(films.user, chosen))
    others = np.setdiff1d(np.arange(len(films.users)), chosen)
    return Task(_of(films, old, others), _of(films, new, chosen), _of(films, test, chosen))


def _of(films: Ratings, rows: NDArray[np.int64], users: NDArray[np.int64]) -> Ratings:
    """Return some rows, with a table of these users only."""
    taken = films.take(rows)
    return replace(taken, users=films.users.take(users), user=np.searchsorted(users, taken.user).astype(np.int32))


# %% The model
# It is the model of dot_product_from_scratch.py with the biases as one more column of the tables. So one table holds
# all that is known of the users, and one all that is known of the films: a table is easy to replace.
class Net(nn.Module):
    """Predict stars, between the ends of `y_range`, from a table of users and a table of films."""

    def __init__(self, n_users: int, n_films: int, n_factors: int, y_range: tuple[float, float] = (0, 5.5)) -> None:
        super().__init__()
        self.y_range = y_range
        self.users, self.films = table(n_users, n_factors + 1), table(n_films, n_factors + 1)

    def forward(self, user: Tensor, film: Tensor) -> Tensor:
        """Return the prediction of each pair of a user and a film."""
        u, f = self.users(user), self.films(film)  # (..., n_factors + 1), the bias is the last column
        low, high = self.y_range
        return low + (high - low) * torch.sigmoid((u[..., :-1] * f[..., :-1]).sum(-1) + u[..., -1] + f[..., -1])


def table(n_rows: int, n_columns: int) -> nn.Embedding:
    """Return a table of weights, near 0 at random."""
    made = nn.Embedding(n_rows, n_columns)
    nn.init.normal_(made.weight, std=0.01)
    return made


def fit(net: Net, known: Ratings, groups: list[tuple[Iterable[Tensor], float]], n_epochs: int) -> Net:
    """Train groups of weights, each with its own highest learning rate, and return the net."""
    user, film, stars = (torch.tensor(column) for column in (known.user, known.item, known.value))

    def loss(rows: Tensor) -> Tensor:
        error: Tensor = net(user[rows], film[rows]) - stars[rows]
        return error.square().mean()

    fit_one_cycle(groups, loss, len(stars), decay=WEIGHT_DECAY, n_epochs=n_epochs)
    return net


def rmse(net: Net, rows: Ratings) -> float:
    """Return the RMSE of a net, in stars."""
    with torch.no_grad():
        return error(net(torch.tensor(rows.user), torch.tensor(rows.item)).numpy(), rows)


def error(predicted: NDArray[np.floating], rows: Ratings) -> float:
    """Return the RMSE in stars. Predictions outside the scale count as its nearer end."""
    return score("", predicted, rows).rmse


# %% The four steps
def transfer(task: Task, n_factors: int) -> dict[str, float]:
    """Return the test error after each step."""
    n_new, n_films, found = len(task.new.users), len(task.new.items), {}
    y_range = y_range_for(task.old.data, task.old.value)
    pretrained = Net(len(task.old.users), n_films, n_factors, y_range)
    fit(pretrained, task.old, [(pretrained.parameters(), RATE)], N_OLD_EPOCHS)

    scratch = Net(n_new, n_films, n_factors, y_range)  # it sees the ratings of the new users only
    found["from scratch"] = rmse(fit(scratch, task.new, [(scratch.parameters(), RATE)], N_NEW_EPOCHS), task.test)

    net = deepcopy(pretrained)
    net.users = table(n_new, n_factors + 1)  # replace
    found["users replaced, not trained"] = rmse(net, task.test)

    net.films.requires_grad_(False)  # freeze: autograd gives the films no derivative, so they do not move
    found["films frozen"] = rmse(fit(net, task.new, [(net.users.parameters(), RATE)], N_NEW_EPOCHS), task.test)

    net.films.requires_grad_(True)  # unfreeze
    rates = {f"then unfrozen, rate {rate:g}": (rate, rate) for rate in (1e-4, 1e-3, 1e-2)}
    for name, (low, high) in {**rates, "then unfrozen, films 1e-4, users 1e-3": (1e-4, 1e-3)}.items():
        tried = deepcopy(net)
        groups: list[tuple[Iterable[Tensor], float]] = [
            (tried.films.parameters(), low),
            (tried.users.parameters(), high),  # two groups, two rates: discriminative learning rates
        ]
        found[name] = rmse(fit(tried, task.new, groups, N_MORE_EPOCHS), task.test)
    return found


# %% The same by embedcli
# A new user is folded in: with the films as they are, the numbers of the user that fit the ten ratings best can be
# worked out directly, without training. `embedcli recommend --rate "TITLE=STARS"` does this for somebody who is not in
# the ratings. What is known of all old users is a part of the answer (a prior): people differ from the average user
# only as far as the ten ratings say so. Training by small steps does not know this.
def fold_in(run: Run, task: Task) -> float:
    """Return the test error if embedcli folds in each new user."""
    predictor = Predictor(run)
    predicted = np.empty(len(task.test))
    for user in range(len(task.new.users)):
        given, asked = task.new.user == user, task.test.user == user
        folded = predictor.fold_in(task.new.item[given], task.new.value[given])
        predicted[asked] = predictor.predict(folded, task.test.item[asked]).expected
    return error(predicted, task.test)


# `embedcli train new.csv --init-from RUN --freeze items` is the step "films frozen" for a run of embedcli. The films
# that RUN knows stay as they are, and only the users are trained. Here is the same from Python.
def keep_films(run: Run, task: Task, config: TrainConfig) -> float:
    """Return the test error if embedcli trains the new users on the films of a run."""
    new = embedcli.fit(task.new, replace(config, n_draws=0), split="none", init_from=run, freeze="items")
    return error(mean_prediction(new.arrays, task.test.user, task.test.item, new.y_range), task.test)


# %% What comes out
# On MovieLens 100K (in brackets: the RMSE there) and on the made ratings alike:
# - From scratch (1.207) is worse than the mean for everybody (1.127). Ten ratings of each new user are too few to teach
#   the films.
# - With a new table of users that is not yet trained, all users are alike, near 0: that says little (1.178).
# - With the old films, frozen, the new users are predicted much better (0.992).
# - Unfreezing does not help. With a small rate nothing changes (0.992). With a large one it gets worse (1.018): a few
#   ratings of new users pull at films that many ratings of old users have put in their places. Discriminative rates
#   avoid the harm, but gain nothing (0.993). In the lesson unfreezing helped, because the new pictures were of another
#   kind. These new users rate the same films.
# - embedcli trains new users on frozen films, too (0.977), with another rule (see lesson_training.py).
# - Folding in is best (0.950). It takes into account how much users differ, and training by small steps does not.


# %% Print the table
def main(data: str | None = None, *, small: bool = False) -> dict[str, float]:
    """Print the test error of each step, and return them."""
    task = leave_out(ratings(data, small=small))
    print(
        f"{len(task.old.users)} old users with {len(task.old):,} ratings; {len(task.new.users)} new users with "
        f"{N_GIVEN} ratings each, and {len(task.test):,} test ratings\n\nRMSE in stars"
    )
    found = {"the mean for everybody": error(np.full(len(task.test), task.old.value.mean()), task.test)}
    with one_thread():
        torch.manual_seed(0)
        found |= transfer(task, 10 if small else N_FACTORS)
    config = TrainConfig(n_factors=10 if small else N_FACTORS, n_members=1, n_folds=0, n_draws=30 if small else 100)
    run = embedcli.fit(task.old, config, split="none")
    found["embedcli --init-from --freeze items"] = keep_films(run, task, config)
    found["embedcli, folded in"] = fold_in(run, task)
    for name, rmse in found.items():
        print(f"  {name:40}{rmse:.3f}")
    return found


# %% Try this
# - Let each new user give 3 ratings, or 40 (`N_GIVEN`). When does training from scratch become as good?
# - Train the new table for 5, 10 or 40 epochs (`N_NEW_EPOCHS`). Too many are worse. Why?
# - Freeze the users and train the films: which task would need this?
#
# Three questions
# 1. What does the table of films know, that ten ratings of each new user could not teach it?
# 2. Why does a learning rate of 0.01 after unfreezing make the predictions worse, and 0.0001 not?
# 3. When would you expect unfreezing to help?

if __name__ == "__main__":
    run_script(main, __doc__, data=RATINGS)
