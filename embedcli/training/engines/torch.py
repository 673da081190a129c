"""The PyTorch engine, the reference: all members step together, on minibatches, by AdamW."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch.optim.adamw import adamw

from embedcli.data.ratings import Ratings
from embedcli.errors import TrainingError, UsageError
from embedcli.run.config import TrainConfig
from embedcli.training.model import EmbeddingDotBias
from embedcli.training.schedule import one_cycle, steps_per_epoch
from embedcli.training.state import TrainingState

EPS = 1e-8
BETA2 = 0.99


def learn(
    model: EmbeddingDotBias, ratings: Ratings, config: TrainConfig, state: TrainingState
) -> Iterator[tuple[int, float]]:
    """Train the members of a model together, in place, and yield (epoch, learning rate) as each epoch ends.

    Each member sees every training row once per epoch, or every one of its own rows in `state`, in an order of its
    own. The training goes on from `state` and keeps it up to date, so that it can be stopped at every epoch.
    Raises TrainingError if the loss is no longer finite.
    """
    user, item = (torch.from_numpy(codes).to(config.device, torch.int64) for codes in (ratings.user, ratings.item))
    value = torch.from_numpy(ratings.value).to(config.device)
    optimiser = _AdamW(model, config, state)
    n_rows = state.n_rows(len(ratings))
    batch_size, n_steps = config.batch_size_for(n_rows), config.n_epochs * steps_per_epoch(config, n_rows)
    while state.epoch < config.n_epochs:
        total = torch.zeros((), device=config.device)
        order = torch.from_numpy(state.draw_order(len(ratings))).to(config.device)
        for batch in order.split(batch_size, 1):  # (M, B)
            learning_rate, beta1 = one_cycle(state.step, n_steps, config.learning_rate)
            total += model.set_gradient(user[batch], item[batch], value[batch])
            optimiser.step(learning_rate, beta1)
            state.step += 1
        state.epoch += 1
        if not math.isfinite(total.item()) or not all(weight.isfinite().all() for weight in model.parameters()):
            raise TrainingError(
                f"the loss is no longer finite in epoch {state.epoch}, at learning rate {learning_rate:.3g}",
                f"give a lower `learning_rate` than {config.learning_rate:g}",
            )
        optimiser.write_back()
        yield state.epoch, learning_rate


class _AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019), a decay for each parameter.

    It calls torch's functional form: the class of torch.optim imports torch's compiler when it is first used, which
    takes longer than a whole training here. On the CPU its moments share their memory with those of the state.
    """

    def __init__(self, model: EmbeddingDotBias, config: TrainConfig, state: TrainingState) -> None:
        self.state = state
        self.parameters = dict(model.named_parameters())
        self.moments = {
            name: tuple(torch.from_numpy(moment).to(config.device) for moment in moments)
            for name, moments in state.moments.items()
        }
        self.decays = {"factors": config.weight_decay, "biases": config.bias_weight_decay}

    @torch.no_grad()
    def step(self, learning_rate: float, beta1: float) -> None:
        """Update every parameter by its gradient, and clear the gradients."""
        for name, parameter in self.parameters.items():
            mean, square = self.moments[name]
            assert parameter.grad is not None
            adamw(
                [parameter],
                [parameter.grad],
                [mean],
                [square],
                [],
                [torch.tensor(float(self.state.step), device=parameter.device)],
                foreach=False,
                fused=True,
                amsgrad=False,
                beta1=beta1,
                beta2=BETA2,
                lr=learning_rate,
                weight_decay=self.decays[name],
                eps=EPS,
                maximize=False,
            )
            parameter.grad = None

    def write_back(self) -> None:
        """Copy the moments of another device into the state."""
        for name, moments in self.moments.items():
            for array, moment in zip(self.state.moments[name], moments, strict=True):
                if moment.device.type != "cpu":
                    array[...] = moment.cpu().numpy()


def check_device(device: str) -> None:
    """Raise UsageError for a device that this machine does not have."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0][:120]
        raise UsageError(f"`device` {device!r} cannot be used: {reason}", "use `device` cpu") from error
