"""Starting from an older run: what it knows of users and items is taken over, the others start fresh."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Split
from embedcli.errors import UsageError
from embedcli.run.config import TrainConfig
from embedcli.run.predictions import Arrays
from embedcli.run.record import Run

FREEZE = ("items",)  # what may stay as it is in the older run
Codes = NDArray[np.int64]


def check_freeze(freeze: str | None, *, has_run: bool) -> None:
    """Raise UsageError if what is to stay is unknown, or if there is no run that has it."""
    if freeze not in (None, *FREEZE):
        raise UsageError(f"`freeze` {freeze!r} is unknown", f"use {', '.join(FREEZE)}")
    if freeze is not None and not has_run:
        raise UsageError(f"`freeze` {freeze!r} without a run to start from", "give it with `init_from`")


@dataclass(frozen=True)
class Older:
    """An older run, and the codes there of the users (U,) and items (I,) of a training, -1 if it does not know them.

    Only users and items with ratings are known: the others have learned nothing.
    """

    run: Run
    users: Codes
    items: Codes
    freeze: str | None = None

    @classmethod
    def of(cls, run: Run, split: Split, config: TrainConfig, freeze: str | None = None) -> "Older":
        """Find the users and items of a training in a run; UsageError if the run does not fit the settings."""
        n_members, _, n_factors = run.shape("item_factors")
        if n_factors != config.n_factors:
            raise UsageError(
                f"run {run.name!r} has {n_factors} factors, not {config.n_factors}", f"give `n_factors` {n_factors}"
            )
        if config.n_members > n_members:
            raise UsageError(
                f"run {run.name!r} has {n_members} members to start from, not {config.n_members}",
                f"give `n_members` {n_members} or fewer",
            )
        if run.sigmoid_range is None:
            raise UsageError(
                f"run {run.name!r} was imported from another kind of model, without a sigmoid",
                "choose a run that embedcli trained: embedcli runs list",
            )
        if run.sigmoid_range != config.y_range:
            assert config.y_range is not None
            (low, high), (own_low, own_high) = run.sigmoid_range, config.y_range
            raise UsageError(
                f"run {run.name!r} predicts from {low:g} to {high:g}, this training from {own_low:g} to {own_high:g}",
                f"give `y_range` {low:g} {high:g}",
            )
        users, items = (
            codes_in(ids, older, n)
            for ids, older, n in (
                (split.train.users.ids, run.users.ids, run.user_stats.n_ratings),
                (split.train.items.ids, run.items.ids, run.item_stats.n_ratings),
            )
        )
        if (items < 0).all():
            raise UsageError(f"run {run.name!r} knows none of these items", "choose another run: embedcli runs list")
        return cls(run, users, items, freeze)

    @property
    def key(self) -> str:
        """The sha256 of what is taken over."""
        digest = hashlib.sha256(f"{self.run.name} {self.freeze}".encode())
        for codes in (self.users, self.items):
            digest.update(codes.data)
        for name in ("item_factors", "item_bias", "user_factors", "user_bias"):
            if name in self.run.arrays:
                digest.update(np.ascontiguousarray(self.run.array(name)).data)
        return digest.hexdigest()

    def fill(self, arrays: Arrays) -> None:
        """Write the factors and biases that the run has into the arrays of an untrained model, member by member.

        The global bias of a model is that of its own ratings, so the difference goes to the biases of the users.
        """
        for side, codes in (("user", self.users), ("item", self.items)):
            known = codes >= 0
            for name in (f"{side}_factors", f"{side}_bias"):
                if name in self.run.arrays:
                    array = arrays[name]
                    array[:, known] = self.run.array(name)[: len(array), codes[known]]
        if "user_bias" in self.run.arrays and "global_bias" in self.run.arrays:
            own = arrays["global_bias"]
            arrays["user_bias"][:, self.users >= 0] += (self.run.array("global_bias")[: len(own)] - own)[:, None]

    @property
    def frozen(self) -> NDArray[np.bool_] | None:
        """Which items (I,) stay as they are; None if all are trained."""
        return self.items >= 0 if self.freeze else None

    def lines(self, split: Split) -> list[str]:
        """Say what is taken over, and how many test rows the older run was trained on."""
        n_users, n_items = int((self.users >= 0).sum()), int((self.items >= 0).sum())
        name, kept = repr(self.run.name), ", which stay as they are" if self.freeze else ""
        lines = [
            f"from run {name}: {n_users:,} of {len(self.users):,} users, "
            f"{n_items:,} of {len(self.items):,} {split.train.data.noun}s{kept}; then a new cycle of the learning rate"
        ]
        if len(split.test) and self.run.rows is None:
            lines.append(f"note: run {name} has no training rows: the test rows may be among them, and errors too low")
        elif n_seen := self._n_seen(split):
            share = f"{n_seen:,} of the {len(split.test):,} test rows"
            lines.append(f"note: run {name} was trained on {share}: their errors are too low")
        return lines

    def _n_seen(self, split: Split) -> int:
        if not len(split.test) or self.run.rows is None:
            return 0
        user, item = self.users[split.test.user], self.items[split.test.item]
        n_items, rows = len(self.run.items), self.run.rows
        asked = (user * n_items + item)[(user >= 0) & (item >= 0)]
        return int(np.isin(asked, rows.user.astype(np.int64) * n_items + rows.item).sum())


def codes_in(ids: Sequence[str], older: Sequence[str], n_ratings: NDArray[np.int64]) -> Codes:
    """Return the code of each id in an older vocabulary, -1 if it is not there or has no rating there."""
    places: Mapping[str, int] = {name: code for code, name in enumerate(older) if n_ratings[code]}
    return np.array([places.get(name, -1) for name in ids], dtype=np.int64)
