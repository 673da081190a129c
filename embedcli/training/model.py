"""The model: a dot product of embeddings, plus biases, squeezed into the range of the ratings."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding

from embedcli.data.ratings import Ratings
from embedcli.errors import TrainingError
from embedcli.run.config import TrainConfig
from embedcli.run.predictions import Arrays
from embedcli.training.config import share_of_mean
from embedcli.training.engines import CACHE_LINE
from embedcli.training.older import Older

INITIAL_SD = 0.01  # as in the lesson


class EmbeddingDotBias(nn.Module):
    """M members of an embedding-dot-bias model, side by side in one table of factors and one of biases.

    The prediction is lo + (hi - lo) * sigmoid(mu + b_u + b_i + p_u . q_i): the model of fast.ai's
    collaborative filtering lesson (Howard and Gugger 2020, chapter 8), with mu fixed at `global_bias`.
    A table holds the users, then the items, of member 0, then those of member 1, and so on, so that one
    look-up serves all members, users and items: many small tensor operations cost more than a few larger ones.
    A row of factors is padded with zeros, which stay zero, to whole lines of the processor's cache.
    """

    offset: Tensor  # (2, M, 1): where the users and the items of each member begin

    def __init__(
        self,
        factors: NDArray[np.float32],  # (M, U + I, k), the start
        n_users: int,
        *,
        global_bias: float,
        y_range: tuple[float, float],
        logistic: bool = False,
    ) -> None:
        super().__init__()
        self.n_members, n_rows, self.n_factors = factors.shape
        padded = torch.zeros(self.n_members, n_rows, -(-self.n_factors // CACHE_LINE) * CACHE_LINE)
        padded[..., : self.n_factors] = torch.from_numpy(factors)
        self.factors = nn.Parameter(padded.flatten(0, 1))
        self.biases = nn.Parameter(torch.zeros(self.n_members * n_rows))
        first = torch.arange(self.n_members)[:, None] * n_rows
        self.register_buffer("offset", torch.stack([first, first + n_users]))
        self.n_users, self.global_bias, self.y_range, self.logistic = n_users, global_bias, y_range, logistic

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Predict ratings: codes of users and items, (M, B) or (1, B) -> (M, B), a row per member."""
        rows = torch.stack([users, items]) + self.offset  # (2, M, B)
        user_factors, item_factors = embedding(rows, self.factors)  # (M, B, k) each
        logit = self.global_bias + self.biases[rows].sum(0) + (user_factors * item_factors).sum(-1)
        low, high = self.y_range
        return low + (high - low) * torch.sigmoid(logit)

    def arrays(self) -> Arrays:
        """Return the weights with a leading axis of members; on the CPU the arrays share their memory."""
        return arrays_of(self.weights(), self.n_users, self.n_factors, self.global_bias)

    def weights(self) -> Arrays:
        """Return the tables as they are trained, padding and all, with a leading axis of members."""
        return {
            name: table.detach().cpu().unflatten(0, (self.n_members, -1)).numpy()
            for name, table in self.named_parameters()
        }

    @torch.no_grad()
    def load(self, weights: Arrays) -> None:
        """Take over tables that `weights` returned."""
        for name, table in self.named_parameters():
            table.copy_(torch.from_numpy(weights[name]).flatten(0, 1))


def arrays_of(weights: Arrays, n_users: int, n_factors: int, global_bias: float) -> Arrays:
    """Return the arrays of the weights of a model."""
    factors, biases = weights["factors"], weights["biases"]
    return {
        "user_factors": factors[:, :n_users, :n_factors],  # (M, U, k)
        "item_factors": factors[:, n_users:, :n_factors],  # (M, I, k)
        "user_bias": biases[:, :n_users],  # (M, U)
        "item_bias": biases[:, n_users:],  # (M, I)
        "global_bias": np.full(len(factors), global_bias, dtype=np.float32),  # (M,)
    }


def check_finite(model: EmbeddingDotBias, epoch: int, rate: float, highest: float) -> None:
    """Raise TrainingError, with the epoch and its learning rate, if a weight is no longer finite."""
    if not all(weight.isfinite().all() for weight in model.parameters()):
        raise TrainingError(
            f"a weight is no longer finite in epoch {epoch}, at learning rate {rate:.3g}",
            f"give a lower `learning_rate` than {highest:g}",
        )


def global_bias_of(train: Ratings, config: TrainConfig) -> float:
    """Return the logit of the mean rating as a share of the range."""
    assert config.y_range is not None
    share = min(max(share_of_mean(train, config.y_range), 1e-3), 1 - 1e-3)
    return math.log(share / (1 - share))


def new_model(
    train: Ratings, config: TrainConfig, members: list[np.random.Generator], older: Older | None = None
) -> EmbeddingDotBias:
    """Return an untrained model that predicts the mean rating for everybody; each member draws its own factors.

    What an older run knows is taken over.
    """
    assert config.y_range is not None
    size = len(train.users) + len(train.items), config.n_factors
    model = EmbeddingDotBias(
        np.stack([rng.standard_normal(size, dtype=np.float32) * np.float32(INITIAL_SD) for rng in members]),
        len(train.users),
        global_bias=global_bias_of(train, config),
        y_range=config.y_range,
        logistic=train.data.implicit,
    )
    if older:
        older.fill(model.arrays())
    return model.to(config.device)
