"""The lesson's model from scratch: a dot product, a range, biases, weight decay; then a look into it.

    python examples/dot_product_from_scratch.py [--data PATH] [--small]         --small: few steps, as in the tests

The file is divided into cells by `# %%`: VS Code, Spyder and Jupyter (with jupytext) open it as a notebook.
"The lesson" is lesson 5 of fast.ai's course, and "the notebook" is its notebook of this model.

The task: some users have rated some films, from 1 to 5 stars. Predict the ratings that they have not given yet.
Nothing is known of a film except who rated it, and how. This is called collaborative filtering.

We keep back a tenth of the ratings, the test ratings. The model never learns from them. Its error on them tells how
well it predicts new ratings. The error is the RMSE: the square root of the mean squared difference, in stars.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import getsource

import numpy as np
import torch
from lesson_training import BATCH_SIZE, LEARNING_RATE, N_EPOCHS, N_FACTORS, fit_one_cycle, n_steps, sum_of_rates
from made_data import RATINGS, ratings, run_script
from matplotlib.figure import Figure
from torch import Tensor, nn

import embedcli
from embedcli.data.ratings import Ratings
from embedcli.data.scale import y_range_for

torch.set_num_threads(1)
torch.manual_seed(0)


# %% The ratings, as three columns of numbers
def load(data: str | None = None, *, small: bool = False) -> tuple[Ratings, bool]:
    """Return the ratings, and whether the training is to be short."""
    return ratings(data, small=small), small


films, small = run_script(load, __doc__, data=RATINGS)
split = films.split("random", seed=0)
n_users, n_films, n_factors = len(films.users), len(films.items), 10 if small else N_FACTORS
n_epochs, batch_size = (1, 256) if small else (N_EPOCHS, BATCH_SIZE)
learning_rate = LEARNING_RATE if len(films) > 50_000 else 1.5 * LEARNING_RATE  # few ratings are few steps: longer ones


def columns(rows: Ratings) -> tuple[Tensor, Tensor, Tensor]:
    """Return the user and the film of each rating, by their row numbers, and the stars."""
    return torch.tensor(rows.user), torch.tensor(rows.item), torch.tensor(rows.value)


# Users and films have row numbers, from 0. A line below says: user 195 gave film 241 3 stars.
user, film, stars = columns(split.train)
print("user  film  stars")
for row in zip(user[:5].tolist(), film[:5].tolist(), stars[:5].tolist(), strict=True):
    print("{:4}  {:4}  {:5.0f}".format(*row))


# %% Step 1: the dot product
# Each user gets 50 numbers, and each film gets 50 numbers. They are called factors, or the embedding of the user and
# of the film. All numbers that are learned are called weights. We do not say what they mean: they start at random,
# and the training finds them. They are latent (hidden) features. One of them may come to mean "much action" for a
# film, and "likes action" for a user.
# The prediction is the dot product: multiply the numbers of the user and of the film pair by pair, and add up.
def table(n_rows: int, n_columns: int) -> nn.Embedding:
    """Return a table of weights, near 0 at random. Row j belongs to user j or film j."""
    made = nn.Embedding(n_rows, n_columns)
    nn.init.normal_(made.weight, std=0.01)
    return made


class DotProduct(nn.Module):
    """Predict stars by the dot product of the factors."""

    def __init__(self) -> None:
        super().__init__()
        self.user_factors, self.film_factors = table(n_users, n_factors), table(n_films, n_factors)

    def forward(self, user: Tensor, film: Tensor) -> Tensor:
        """Return the prediction of each pair of a user and a film."""
        product: Tensor = self.user_factors(user) * self.film_factors(film)  # (..., n_factors)
        return product.sum(-1)


# %% Step 2: the range of the stars (y_range)
# A rating is between 1 and 5 stars, but a dot product can be any number. The sigmoid, 1 / (1 + exp(-x)), squeezes
# every number between 0 and 1. Times 5.5, that is between 0 and 5.5. Why 5.5? The sigmoid comes near its ends but
# does not reach them. With 5 as the upper end, the model could never predict 5 stars.
lowest, highest = y_range_for(films.data, split.train.value)  # 0 and 5.5 for 1 to 5 stars


def squeezed(x: Tensor) -> Tensor:
    """Return numbers between the lowest and the highest prediction."""
    return lowest + (highest - lowest) * torch.sigmoid(x)


class WithRange(DotProduct):
    """Predict stars between 0 and 5.5."""

    def forward(self, user: Tensor, film: Tensor) -> Tensor:
        """Return the prediction of each pair of a user and a film."""
        return squeezed(super().forward(user, film))


# %% Step 3: biases
# Some films are better than others, for everybody. Some users give more stars than others, to every film. A bias is
# one number for this: one for each film and one for each user, added to the dot product. (A bias is like one more
# column in the table of factors, next to a column of ones in the other table: see embedding_is_one_hot.py.)
class WithBias(DotProduct):
    """Predict stars by factors and biases: the model of the lesson, and of embedcli."""

    def __init__(self) -> None:
        super().__init__()
        self.user_bias, self.film_bias = table(n_users, 1), table(n_films, 1)

    def forward(self, user: Tensor, film: Tensor) -> Tensor:
        """Return the prediction of each pair of a user and a film."""
        bias = self.user_bias(user) + self.film_bias(film)  # (..., 1)
        return squeezed(super().forward(user, film) + bias.squeeze(-1))


# %% Another kind of model: a neural net
# The net looks up the row of the user and the row of the film, and puts them side by side: one long row of numbers.
# It multiplies this row by a matrix, which gives 100 numbers. ReLU makes the negative ones 0. A second matrix makes one
# number of them. A dot product needs rows of the same length. Here a film has twice as many numbers as a user.
class CollabNN(nn.Module):
    """Predict stars by a small neural net on the factors."""

    def __init__(self, n_hidden: int = 100) -> None:
        super().__init__()
        self.user_factors, self.film_factors = table(n_users, n_factors), table(n_films, 2 * n_factors)
        self.layers = nn.Sequential(nn.Linear(3 * n_factors, n_hidden), nn.ReLU(), nn.Linear(n_hidden, 1))

    def forward(self, user: Tensor, film: Tensor) -> Tensor:
        """Return the prediction of each pair of a user and a film."""
        both = torch.cat([self.user_factors(user), self.film_factors(film)], -1)
        return squeezed(self.layers(both).squeeze(-1))


# %% The training
# An epoch goes through all ratings once, in minibatches: 64 ratings at a time. The loss of a minibatch is its mean
# squared error. The derivative of the loss by a weight says how the loss changes if the weight is raised a little
# (see gradient_descent_by_hand.py). PyTorch works it out. The optimiser, AdamW, then moves each weight a little, so
# that the loss falls (see optimisers_from_scratch.py). This is a step. The learning rate says how long the steps are.
# It rises during a quarter of the steps, then falls almost to 0. That is one cycle, and the notebook's function
# `fit_one_cycle` is named after it. Here it is. (`betas` and `eps` are settings of AdamW, the same as in fast.ai.)
print("\n" + getsource(fit_one_cycle))


# %% What learning rate? (the notebook's lr_find)
# Try every size of step in one short training: start tiny, and make each step longer than the last. At first the
# loss hardly moves. Then it falls. In the end the steps are so long that it grows. Take a rate from where it begins to
# fall. Each loss is of few ratings, so it also goes up and down by chance.
def lr_find(model: nn.Module, n_tried: int = 200) -> Iterator[tuple[float, float]]:
    """Yield ten learning rates, from 1e-5 to 1, and the mean loss of the steps around each."""
    optimiser = torch.optim.Adam(model.parameters(), fused=True)
    rates, losses = np.geomspace(1e-5, 1, n_tried), []
    for rate in rates:
        rows = torch.randint(len(stars), (batch_size,))
        optimiser.param_groups[0]["lr"] = rate
        loss = (model(user[rows], film[rows]) - stars[rows]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    for part in np.array_split(np.arange(n_tried), 10):
        yield float(rates[part].mean()), float(np.mean([losses[step] for step in part]))


print("learning rate   loss")
for rate, found in lr_find(WithBias()):
    print(f"{rate:13.0e}{found:7.2f}")
print(f"taken: {learning_rate:g}")


# %% Train every model, and compare
# Weight decay makes every weight a little smaller at each step: weight -= learning rate x decay x weight. In textbooks
# it stands in the loss, as decay x the sum of the squared weights. There are more weights than ratings here, so a
# model can learn the training ratings by heart. Decay works against this: a weight stays large only if many ratings
# ask for it. How much it works is the decay times the sum of the learning rates of all steps: the last column of the
# table (see weight_decay.py).
def fit(model: nn.Module, decay: float, larger: int = 1) -> float:
    """Train, and return decay x sum of rates. If batches are `larger`, the steps are fewer, and twice as long."""

    def loss(rows: Tensor) -> Tensor:
        error: Tensor = model(user[rows], film[rows]) - stars[rows]
        return error.square().mean()

    rate, size = learning_rate * min(larger, 2), batch_size * larger
    fit_one_cycle([(model.parameters(), rate)], loss, len(stars), decay=decay, n_epochs=n_epochs, batch_size=size)
    return decay * sum_of_rates(rate, n_steps(len(stars), size, n_epochs))


def rmse(model: nn.Module, rows: Ratings) -> float:
    """Return the RMSE in stars. A prediction below 1 counts as 1, and one above 5 as 5."""
    user, film, stars = columns(rows)
    with torch.no_grad():
        return float((model(user, film).clamp(*films.data.scale) - stars).square().mean().sqrt())


MODELS: tuple[tuple[str, type[nn.Module], float, int], ...] = (  # name, model, decay, how many times larger batches
    ("dot product", DotProduct, 0.0, 1),
    ("+ range 0 to 5.5", WithRange, 0.0, 1),
    ("+ biases", WithBias, 0.0, 1),
    ("+ decay 0.01", WithBias, 0.01, 1),
    ("+ decay 0.1", WithBias, 0.1, 1),
    ("decay 0.5, batches x 8", WithBias, 0.5, 8),
    ("neural net, decay 0.01", CollabNN, 0.01, 4),
)
n_weights = sum(weights.numel() for weights in WithBias().parameters())
print(f"\nThe model with biases has {n_weights:,} weights. There are {len(stars):,} training ratings.")
print(f"\n{'RMSE in stars':24}training    test   decay x sum of rates")
models, errors = {}, {}
for name, kind, decay, larger in MODELS:
    models[name] = kind()
    strength = fit(models[name], decay, larger)
    errors[name] = rmse(models[name], split.train), rmse(models[name], split.test)
    print("{:24}{:8.3f}{:8.3f}{:23.2f}".format(name, *errors[name], strength), flush=True)
spread = float((split.test.value - split.train.value.mean()).std())
print(f"{'the mean for everybody':24}{float(split.train.value.std()):8.3f}{spread:8.3f}")

# %% What the table says
# The range and the biases make the training error much smaller, but the test error larger. These models have learned
# the training ratings by heart, and that does not help with new ones. The plain dot product does the same, but later.
# Its factors are near 0 at first, so it starts at 0 stars, and must climb to the usual 3 or 4 stars first. The models
# with a range start in its middle, at 2.75 stars.
#
# A decay of 0.01 changes little. A decay of 0.1, the lesson's choice, makes the training error larger and the test
# error smaller. The decay of 0.5 with batches 8 times as large is about as good: its decay x sum of rates is nearly
# the same. These two rows are the best. The small net is not better. The last row is without a model: it predicts the
# mean of all training ratings for everybody.
#
# Librec, a library of that time, listed an RMSE of 0.91 for its best model on MovieLens 100K. The decay of 0.1 comes
# to 0.88 or 0.89 there.

# %% Look into the model (names as in the notebook: movie_bias, movie_w, fac0, ...)
# First the biases of the 1,000 films with the most ratings. The bias of a film is what is left when the model knows
# who rated it. A low bias means: even users who like this kind of film did not like this one.
model = models["+ decay 0.1"]
assert isinstance(model, WithBias)
count = np.bincount(split.train.item, minlength=n_films)
top_movies = np.argsort(-count, kind="stable")[:1000]  # row numbers of films
titles = [films.items.titles[movie] for movie in top_movies]
mean_ratings = np.bincount(split.train.item, split.train.value, minlength=n_films) / np.maximum(count, 1)
movie_bias = model.film_bias.weight[top_movies, 0].tolist()
movie_ratings = sorted(zip(movie_bias, titles, mean_ratings[top_movies], strict=True))
for name, shown in (("lowest", movie_ratings[:15]), ("highest", movie_ratings[:-16:-1])):
    print(f"\nThe 15 films with the {name} bias (bias, mean rating, film)")
    for bias, title, rating in shown:
        print(f"  {bias:+.2f}  {rating:.2f}  {title}")

# %% Then the factors: three principal components (PCA)
# 50 numbers per film are too many to look at. PCA finds the directions in which the films differ most. `fac0` is the
# place of each film along the first direction, `fac1` along the second, `fac2` along the third. Each has two ends, -
# and +. What a direction means, you must guess from the ten films at each end. Which end is + is chance.
movie_w = model.film_factors.weight[top_movies].detach()
movie_w = movie_w - movie_w.mean(0)
movie_pca = movie_w @ torch.linalg.svd(movie_w, full_matrices=False).Vh[:3].T  # (films, 3)
fac0, fac1, fac2 = movie_pca.T
for name, fac in (("fac0", fac0), ("fac1", fac1), ("fac2", fac2)):
    order = fac.argsort().tolist()
    for end, shown in (("-", order[:10]), ("+", order[:-11:-1])):
        print(f"\n{name} {end}  " + "; ".join(titles[movie] for movie in shown))

# %% The plot: fac0 and fac2 (as in the notebook) of the 50 films with the most ratings
figure = Figure(figsize=(12, 12))
axes = figure.add_subplot(xlabel="fac0", ylabel="fac2")
axes.scatter(fac0[:50], fac2[:50])
for x, y, title in zip(fac0[:50].tolist(), fac2[:50].tolist(), titles, strict=False):
    axes.text(x, y, title, fontsize=9)
figure.savefig("lesson.png")
print("\nlesson.png: 50 films, fac0 to the right, fac2 upwards")

# %% The same by embedcli, with evidence
# How sure is a bias? Is a component (a direction of PCA) more than noise? One training cannot say. `embedcli` trains
# several models, and tests them. Its training is a hundred times faster (see lesson_training.py).
# - The first lines compare test errors. A member is one trained model. "Members averaged" takes the mean of their
#   predictions. "Posterior" takes the mean of 100 models drawn by chance, likely ones more often than unlikely ones.
# - A bias is in stars here: so much better than the average film. (Above, biases are added before the sigmoid.) The
#   interval is for the film's mean rating if all users rated it. It holds the true value in about 95 of 100 cases.
# - A component is real if it predicts ratings that were kept back. Then: is it the taste that people have, or half of
#   it and half of another? Two models learn from one half of the users each. If they find the same component, it is
#   near the truth. 1 is full agreement. Below 0.88 embedcli gives no name to a component.
config = embedcli.TrainConfig(n_factors=10 if small else 20, n_members=2, n_folds=3, n_draws=100)  # 20: for speed
run = embedcli.fit(split, config)
for score in run.training.scores:
    print(f"{score.model:20}RMSE {score.rmse:.3f}")
for end, rows in (("lowest", embedcli.biases(run).worst), ("highest", embedcli.biases(run).best)):
    print(f"\nThe 5 films with the {end} bias, in stars, with 95 % intervals of their mean rating")
    for item in rows[:5]:
        print(f"  {item.bias:+.2f}  {item.lower:.2f} to {item.upper:.2f}  {item.title}")
components = embedcli.pca(run, components=3, limit=4).components
for component in components:
    verdict = component.unnamed or "real, and agrees with the truth"
    print(f"\nComponent {component.component}: {component.share:.0%} of the variance; {verdict}")
    for sign, words, pole in (
        ("+", component.positive_name, component.positive),
        ("-", component.negative_name, component.negative),
    ):
        print(f"  {sign} {', '.join(words) or 'no name'}: {'; '.join(item.title for item in pole)}")

# %% Try this
# - Train `DotProduct` for 15 epochs instead of 5 (`N_EPOCHS` in lesson_training.py). Does it learn by heart, too?
# - Set `n_factors` to 5 and run all cells again. Does the model without decay still learn by heart?
# - Set `highest = 5` below `y_range_for`. What happens to the test error, and to the films with the highest bias?
# - Take the mean rating instead of the bias for the list of 15 films. Which films enter it, and how many ratings do
#   they have?
#
# Three questions
# 1. Why is the test error of the model with biases larger than that of the dot product, and its training error lower?
# 2. What does a bias of a film say that its mean rating does not say?
# 3. Decay 0.1 in steps of 64 ratings and decay 0.5 in steps of 512 give nearly the same model. Why?
