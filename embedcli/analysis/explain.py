"""Why a user is predicted to rate an item so: parts that add up to the prediction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedcli.analysis.choices import Basis
from embedcli.analysis.components import pca
from embedcli.analysis.recommend import UserVector, logits, predictions
from embedcli.evidence.bases import preference_basis, side_by_side
from embedcli.run.predictions import ratings_of
from embedcli.run.record import Run

MOST = 5  # components that are told apart


@dataclass(frozen=True)
class Part:
    """What one part adds to the logit, averaged over the members; `name` is what it is called, None without one."""

    part: str
    logit: float
    name: str | None = None


@dataclass(frozen=True)
class Explanation:
    """The parts of a prediction; they add up to `logit`, the mean over the members.

    `is_unrated` says that the item has no training rating: its parts are where the training started. `prediction` is
    the mean of the members' ratings, `of_mean_logit` the rating of the mean logit: they differ a
    little where the link is bent. `rating` is what the user gave in the training rows, None where that is not there.
    """

    user: str
    title: str
    id: str
    parts: tuple[Part, ...]
    logit: float
    prediction: float
    of_mean_logit: float
    rating: float | None
    knows_rating: bool
    is_unrated: bool
    n_ratings: int


def explain(run: Run, taste: UserVector, user: str, row: int) -> Explanation:
    """Split the prediction of an item (row) for a user of the run into parts that add up in the mean logit.

    The global bias, the user's, the item's, what each component of the predicted preferences adds (the largest five;
    those that are real and stable carry their names), and the rest.
    """
    mean = {name: run.array(name).mean(0, dtype=np.float64) for name in ("global_bias", "item_bias")}
    by_member = logits(run, taste)[:, row]
    logit = float(by_member.mean())
    parts = [
        Part("global", float(mean["global_bias"])),
        Part("user", float(taste.bias.mean())),
        Part(run.data.noun, float(mean["item_bias"][row])),
        *_components(run, user, row),
    ]
    parts.append(Part("other components", logit - sum(part.logit for part in parts)))
    known = dict(zip(taste.rows.tolist(), taste.values.tolist(), strict=True))
    return Explanation(
        user=user,
        title=run.items.titles[row],
        id=run.items.ids[row],
        parts=tuple(parts),
        logit=logit,
        prediction=float(predictions(run, taste)[:, row].mean()),
        of_mean_logit=float(ratings_of(by_member.mean(), run.sigmoid_range)),
        rating=known.get(row),
        knows_rating=run.rows is not None,
        is_unrated=run.is_unrated(row),
        n_ratings=int(run.item_stats.n_ratings[row]),
    )


def _components(run: Run, user: str, row: int) -> list[Part]:
    """Return what each component of the preference basis adds for the user and the item."""
    users, items = (run.array(name) for name in ("user_factors", "item_factors"))
    n = min(MOST, users.shape[2], len(run.items) - 1)
    u, s, v = preference_basis(
        side_by_side(users) / len(users), side_by_side(items), run.user_stats.n_ratings, run.item_stats.n_ratings, n
    )
    at = run.users.ids.index(user)
    named = pca(run, n_components=n, limit=1, basis=Basis.PREFERENCE).components
    return [
        Part(
            f"component {f + 1}",
            float(u[at, f] * s[f] * v[row, f]),
            None
            if component.unnamed is not None
            else f"{', '.join(component.positive_name)} | {', '.join(component.negative_name)}",
        )
        for f, component in enumerate(named)
    ]
