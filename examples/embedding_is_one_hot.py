"""An embedding is a product with a one-hot matrix, without the product.

    python examples/embedding_is_one_hot.py [--data PATH]

Which film was rated is a category: film 3 is not three times film 1. So a net gets the film one-hot: a row of zeros,
with a one at the film's place. The first layer multiplies this row by a matrix of parameters:

    [0 0 1 0] @ Q = row 2 of Q (counted from 0)

All other rows are multiplied by zero. So nothing is lost if we do not multiply and take the row, `Q[2]`. This array
look-up is all that an embedding layer does, and the row is the film's *embedding*. It is a shortcut in computing and
not another model: predictions and gradients are the same. This script shows it with a minibatch of ratings, and
measures time and memory of both ways. Backwards, the product is one_hot^T @ gradient: the gradient of each rating is
added to the row that was taken.

The numbers of an embedding are called *latent features* (or factors). A feature is a property of the film, such as how
much action it has. It is latent (hidden) because nobody wrote it down: training finds numbers that explain the ratings,
and nobody tells it what they should mean.

A *bias* is one number per film or user that does not depend on the other side: how good the film is for all, how
generous the user is to all. It is an embedding with one number. It also needs no place of its own: give every film
its bias as one more column, and every user a constant 1 in that column, and the same for users,

    p_u . q_i + b_u + b_i  =  [p_u, b_u, 1] . [q_i, 1, b_i]

(In the lesson's spreadsheet the embeddings stand upright on one side, so there the bias is one more row.) A table of
its own is still useful: the biases can have less weight decay than the factors, and can be looked at alone.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from made_data import RATINGS, ratings, run_script
from torch import Tensor
from torch.nn.functional import embedding, one_hot

from embedcli.training.engines.torch import one_thread

N_FACTORS, BATCH_SIZE, REPEATS = 50, 512, 21


# %% 1. Two ways to get the rows
def look_up(table: Tensor, codes: Tensor) -> Tensor:
    """Return the rows of a table (n_items, k) that codes (B,) name -> (B, k), by taking them out."""
    return embedding(codes, table)


def multiply(table: Tensor, codes: Tensor) -> Tensor:
    """Return the same as a product with a one-hot matrix (B, n_items)."""
    return one_hot(codes, len(table)).to(table.dtype) @ table


# %% 2. The gradients of both ways, and their times
def gradient(way: Callable[[Tensor, Tensor], Tensor], table: Tensor, codes: Tensor, upstream: Tensor) -> Tensor:
    """Return the gradient of the table if the rows taken out have the gradient `upstream` (B, k)."""
    table = table.clone().requires_grad_()
    return torch.autograd.grad(way(table, codes), table, upstream)[0]


def seconds(way: Callable[[Tensor, Tensor], Tensor], table: Tensor, codes: Tensor) -> float:
    """Return how long one way takes: the median of some repeats."""
    measured = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        way(table, codes)
        measured.append(time.perf_counter() - began)
    return statistics.median(measured)


# %% 3. The bias is one more column
def with_bias(p: Tensor, q: Tensor, user_bias: Tensor, item_bias: Tensor) -> Tensor:
    """Return the logits of a minibatch (B,): the dot product of the factors, plus both biases."""
    return (p * q).sum(1) + user_bias + item_bias


def with_two_more_columns(p: Tensor, q: Tensor, user_bias: Tensor, item_bias: Tensor) -> Tensor:
    """Return the same as one dot product of wider embeddings."""
    one = torch.ones_like(user_bias)
    user, item = torch.column_stack([p, user_bias, one]), torch.column_stack([q, one, item_bias])
    return (user * item).sum(1)


def furthest(one: Tensor, other: Tensor) -> float:
    """Return the largest difference between two tensors."""
    return float((one - other).abs().max())


# %% Run it
@one_thread()
def main(data: str | None = None, *, small: bool = False) -> dict[str, float]:
    """Print how equal the two ways are and what they cost; return the numbers."""
    rated, rng = ratings(data, small=small), torch.Generator().manual_seed(0)
    rows = np.random.default_rng(0).permutation(len(rated))[:BATCH_SIZE]
    users, items = (torch.from_numpy(codes[rows].astype(np.int64)) for codes in (rated.user, rated.item))
    p, q = (torch.randn(len(table), N_FACTORS, generator=rng) / 10 for table in (rated.users, rated.items))
    user_bias, item_bias = (torch.randn(len(table), generator=rng) / 10 for table in (rated.users, rated.items))
    upstream = torch.randn(BATCH_SIZE, N_FACTORS, generator=rng, dtype=torch.float64)

    taken = look_up(p, users), look_up(q, items), user_bias[users], item_bias[items]
    figures = {
        "rows": furthest(look_up(q, items), multiply(q, items)),
        "gradients": furthest(*(gradient(way, q.double(), items, upstream) for way in (look_up, multiply))),
        "bias": furthest(with_bias(*taken), with_two_more_columns(*taken)),
        "time ratio": seconds(multiply, q, items) / seconds(look_up, q, items),
        "memory ratio": float(len(q) * q.element_size() / items.element_size()),
    }
    print(
        f"{BATCH_SIZE} ratings of {len(q):,} films, {N_FACTORS} factors; the look-up and the one-hot product differ by"
    )
    print(f"  {figures['rows']:.0e} at most in the rows, {figures['gradients']:.0e} in the gradients")
    print(f"making and multiplying the one-hot matrix takes {figures['time ratio']:.0f} times the time,")
    print(f"  and the matrix takes {figures['memory ratio']:.0f} times the memory of the films' codes")
    print(f"biases as columns of the embeddings change the dot product by {figures['bias']:.0e} at most")
    return figures


if __name__ == "__main__":
    run_script(main, __doc__, data=RATINGS)

# %% Try this
# - Set BATCH_SIZE to 1, then to 5,000. Which of the two times grows?
# - Make N_FACTORS 500. Does the ratio of the times rise or fall?
# - In with_two_more_columns, replace `one` by `2 * one`. What must become of the biases, so that the sum is the same?
#
# Questions
# 1. One film was rated twice in a minibatch. Which gradient does its row get?
# 2. The one-hot matrix of 512 ratings and 1,682 films: how many of its numbers are not 0?
# 3. Can the bias of a film be decayed less than its factors if it is a column of the same table?
