"""The PyTorch engine, the reference: all members step together, on minibatches, by AdamW."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor
from torch.optim.adamw import adamw

from embedcli.data.ratings import Ratings
from embedcli.errors import TrainingError, UsageError
from embedcli.run.config import TrainConfig
from embedcli.training.model import EmbeddingDotBias
from embedcli.training.schedule import one_cycle, steps_per_epoch
from embedcli.training.state import TrainingState

EPS, BETA2 = 1e-8, 0.99
FUSED: dict[str, Any] = {"foreach": False, "fused": True, "amsgrad": False, "maximize": False}


def learn(
    model: EmbeddingDotBias, ratings: Ratings, config: TrainConfig, state: TrainingState
) -> Iterator[tuple[int, float]]:
    """Train the members of a model together, in place, and yield (epoch, learning rate) as each epoch ends.

    Each member sees every training row once per epoch, or every one of its own rows in `state`, in an order of its
    own. The training goes on from `state` and keeps it up to date, so it can be stopped after every epoch.
    Raises TrainingError if the loss is no longer finite.
    """
    user, item = (torch.from_numpy(codes).to(config.device, torch.int64) for codes in (ratings.user, ratings.item))
    value = torch.from_numpy(ratings.value).to(config.device)
    moments = {name: torch.from_numpy(both).to(config.device) for name, both in state.moments.items()}  # shared on CPU
    decays = {"factors": config.weight_decay, "biases": config.bias_weight_decay}
    n_rows = state.n_rows(len(ratings))
    batch_size, n_steps = config.batch_size_for(n_rows), config.n_epochs * steps_per_epoch(config, n_rows)
    while state.epoch < config.n_epochs:
        total = torch.zeros((), device=config.device)
        order = torch.from_numpy(state.draw_order(len(ratings))).to(config.device)
        for batch in order.split(batch_size, 1):  # (M, B)
            learning_rate, beta1 = one_cycle(state.step, n_steps, config.learning_rate)
            total += model.set_gradient(user[batch], item[batch], value[batch])
            for name, weight in model.named_parameters():
                _step(weight, moments[name], state.step, learning_rate, beta1, decays[name])
            state.step += 1
        state.epoch += 1
        if not math.isfinite(total.item()) or not all(weight.isfinite().all() for weight in model.parameters()):
            raise TrainingError(
                f"the loss is no longer finite in epoch {state.epoch}, at learning rate {learning_rate:.3g}",
                f"give a lower `learning_rate` than {config.learning_rate:g}",
            )
        for name, both in moments.items():
            torch.from_numpy(state.moments[name]).copy_(both)
        yield state.epoch, learning_rate


@torch.no_grad()
def _step(weight: Tensor, moments: Tensor, n_steps: int, rate: float, beta1: float, decay: float) -> None:
    """Update a weight by its gradient and the two moments of the gradient, after n_steps steps: AdamW.

    Adam with decoupled weight decay (Loshchilov and Hutter 2019), in torch's functional form: the class of torch.optim
    imports torch's compiler when it is first used, which takes longer than a whole training here.
    """
    assert weight.grad is not None
    mean, square = moments
    step = torch.tensor(float(n_steps), device=weight.device)
    adamw(
        *([weight], [weight.grad], [mean], [square], [], [step]),
        **FUSED,
        beta1=beta1,
        beta2=BETA2,
        eps=EPS,
        lr=rate,
        weight_decay=decay,
    )
    weight.grad = None


def check_device(device: str) -> None:
    """Raise UsageError for a device that this machine does not have."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:120]
        raise UsageError(f"`device` {device!r} cannot be used: {reason}", "use `device` cpu") from error


@contextmanager
def one_thread() -> Iterator[None]:
    """Have torch and BLAS work on one thread: a step is too small to share, and the result is the same everywhere."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)
