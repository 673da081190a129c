"""An embedding is a product with a one-hot matrix, without the product.

    python examples/embedding_is_one_hot.py

Which film was rated is a category: film 3 is not three times film 1. So a net gets it one-hot, as a row of zeros with
a one at the film's place, and the first layer multiplies that row by a matrix of parameters:

    [0 0 1 0] @ Q = row 2 of Q (counted from 0)

Every other row is multiplied by zero. So nothing is lost by not multiplying: take the row out, `Q[2]`. That is all an
embedding layer does, and the row is the film's *embedding*. It is a shortcut in computing, not another model: the
predictions and the gradients are the same, as shown here with a minibatch of ratings and the time and memory of both.
Backwards the product is one_hot^T @ gradient: each row's gradient is added to the row that was taken.

A bias is an embedding too, of one number. And it needs no place of its own in the model: give every film its bias as
one more column and every user a constant 1 there, and the same for users,

    p_u . q_i + b_u + b_i  =  [p_u, b_u, 1] . [q_i, 1, b_i]

The dot-bias model is a dot product of embeddings, two columns of which are partly fixed. It is still worth its own
table: so it can be decayed less than the factors, and looked at alone.
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


def look_up(table: Tensor, codes: Tensor) -> Tensor:
    """Return the rows of a table (n_items, k) that codes (B,) name -> (B, k), by taking them out."""
    return embedding(codes, table)


def multiply(table: Tensor, codes: Tensor) -> Tensor:
    """Return the same as a product with a one-hot matrix (B, n_items)."""
    return one_hot(codes, len(table)).to(table.dtype) @ table


def gradient(way: Callable[[Tensor, Tensor], Tensor], table: Tensor, codes: Tensor, upstream: Tensor) -> Tensor:
    """Return the gradient of the table where the rows taken out have the gradient `upstream` (B, k)."""
    table = table.clone().requires_grad_()
    return torch.autograd.grad(way(table, codes), table, upstream)[0]


def seconds(way: Callable[[Tensor, Tensor], Tensor], table: Tensor, codes: Tensor) -> float:
    """Return how long it takes: the median of some repeats."""
    measured = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        way(table, codes)
        measured.append(time.perf_counter() - began)
    return statistics.median(measured)


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
