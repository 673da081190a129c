"""The model: a dot product of embeddings, plus biases, squeezed into the range of the ratings."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import embedding, softplus

from embedcli.data.ratings import Ratings
from embedcli.run.config import TrainConfig
from embedcli.training.config import share_of_mean

INITIAL_SD = 0.01  # as in the lesson


class EmbeddingDotBias(nn.Module):
    """M members of an embedding-dot-bias model, side by side in one table of factors and one of biases.

    The prediction is lo + (hi - lo) * sigmoid(mu + b_u + b_i + p_u . q_i): the model of fast.ai's
    collaborative filtering lesson (Howard and Gugger 2020, chapter 8), with mu fixed at `global_bias`.
    A table holds the users, then the items, of member 0, then those of member 1, and so on, so that one
    look-up serves all members, users and items: many small tensor operations cost more than a few larger ones.
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
        n_members, n_rows, n_factors = factors.shape
        self.factors = nn.Parameter(torch.from_numpy(factors.reshape(-1, n_factors)))
        self.biases = nn.Parameter(torch.zeros(n_members * n_rows))
        first = torch.arange(n_members)[:, None] * n_rows
        self.register_buffer("offset", torch.stack([first, first + n_users]))
        self.n_members, self.n_users = n_members, n_users
        self.global_bias, (self.low, self.high), self.logistic = global_bias, y_range, logistic

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Predict ratings: codes of users and items, (M, B) or (1, B) -> (M, B), a row per member."""
        rows = torch.stack([users, items]) + self.offset  # (2, M, B)
        user_factors, item_factors = embedding(rows, self.factors)  # (M, B, k) each
        logit = self.global_bias + self.biases[rows].sum(0) + (user_factors * item_factors).sum(-1)
        return self.low + (self.high - self.low) * torch.sigmoid(logit)

    @torch.no_grad()
    def set_gradient(self, users: Tensor, items: Tensor, ratings: Tensor) -> Tensor:
        """Set the gradient of the mean loss, summed over the members, and return that loss.

        The loss is the squared error, or for a logistic model the cross-entropy of values from 0 to 1. This is
        autograd's gradient of `forward`, written out: training takes a third less time.
        Codes of users and items and ratings, all (M, B) -> a scalar.
        """
        rows = (torch.stack([users, items]) + self.offset).flatten()  # (2MB,)
        looked_up = embedding(rows, self.factors).unflatten(0, (2, -1))  # (2, MB, k)
        logit = self.global_bias + self.biases[rows].view(2, -1).sum(0) + looked_up.prod(0).sum(-1)
        share, span, values = torch.sigmoid(logit), self.high - self.low, ratings.flatten()
        if self.logistic:
            slope = (share - values) / ratings.shape[1]  # d loss / d logit, (MB,)
            losses = softplus(logit) - values * logit
        else:
            error = self.low + span * share - values
            slope = error * share * (1 - share) * (2 * span / ratings.shape[1])
            losses = error.square()
        factor_slope = (looked_up.flip(0) * slope[:, None]).flatten(0, 1)  # dp = q * slope, dq = p * slope
        self.factors.grad = torch.zeros_like(self.factors).index_add_(0, rows, factor_slope)
        self.biases.grad = torch.zeros_like(self.biases).index_add_(0, rows, slope.repeat(2))
        loss: Tensor = losses.sum() / ratings.shape[1]
        return loss

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the weights with a leading axis of members; on the CPU the arrays share their memory."""
        factors, biases = (
            table.detach().cpu().unflatten(0, (self.n_members, -1)).numpy() for table in (self.factors, self.biases)
        )
        return {
            "user_factors": factors[:, : self.n_users],  # (M, U, k)
            "item_factors": factors[:, self.n_users :],  # (M, I, k)
            "user_bias": biases[:, : self.n_users],  # (M, U)
            "item_bias": biases[:, self.n_users :],  # (M, I)
            "global_bias": np.full(self.n_members, self.global_bias, dtype=np.float32),  # (M,)
        }


def new_model(train: Ratings, config: TrainConfig, members: list[np.random.Generator]) -> EmbeddingDotBias:
    """Return an untrained model that predicts the mean rating for everybody; each member draws its own factors."""
    assert config.y_range is not None
    share = min(max(share_of_mean(train, config.y_range), 1e-3), 1 - 1e-3)
    size = len(train.users) + len(train.items), config.n_factors
    model = EmbeddingDotBias(
        np.stack([rng.normal(0, INITIAL_SD, size).astype(np.float32) for rng in members]),
        len(train.users),
        global_bias=math.log(share / (1 - share)),
        y_range=config.y_range,
        logistic=train.data.implicit,
    )
    return model.to(config.device)
