"""Why a user is predicted to rate an item so: parts that add up to the prediction."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from embedcli.analysis.choices import Basis
from embedcli.analysis.components import preferences
from embedcli.analysis.pca import pca
from embedcli.analysis.posterior import Predictor, has_states
from embedcli.analysis.recommend import UserVector, logits, of_user, posterior_user
from embedcli.analysis.record import Record, decimal, text
from embedcli.analysis.selection import item as item_fields
from embedcli.analysis.selection import mean_over_members, row_of
from embedcli.data.text import id_text
from embedcli.evidence.bases import coordinates
from embedcli.run.lookup import Name
from embedcli.run.predictions import ratings_of
from embedcli.run.record import Run

MOST = 5  # components that are parts of their own


@dataclass(frozen=True)
class Part:
    """A part of a prediction; `name` are the poles of a named component, else None."""

    part: Annotated[str, text("part")]
    logit: Annotated[float, decimal("logit", "what the part adds to the logit, mean over the members", 3, sign=True)]
    name: Annotated[str | None, text("goes with", "poles of the component, if pca names it")] = None


@dataclass(frozen=True)
class PosteriorPrediction:
    """A prediction of the posterior, and the ends that hold 95 % of such ratings; None without training ratings."""

    prediction: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Explanation(Record):
    """The parts of a prediction; they add up to `logit`, the mean over the members.

    `prediction` is the mean of the members' ratings, `of_mean_logit` the rating of the mean logit: they differ a
    little because the link is not linear. `posterior` is the prediction of the posterior, None if the run
    has no posterior. `rating` is the user's training rating, None if the user did not rate the item.
    `is_unrated` says that the item has no training rating: its parts are where the training started.
    """

    row_fields = ("parts",)
    user: str
    title: str
    id: str
    parts: tuple[Part, ...]
    logit: float
    prediction: float
    of_mean_logit: float
    posterior: PosteriorPrediction | None
    rating: float | None
    knows_rating: bool
    is_unrated: bool
    n_ratings: int
    mean_rating: float | None

    def _findings(self) -> Iterator[tuple[str, str]]:
        if (found := self.posterior) is not None:
            ends = "" if found.lower is None else f", 95 % of such ratings {found.lower:.1f} to {found.upper:.1f}"
            yield "posterior", f"{found.prediction:.2f}{ends}"


def explain(run: Run, user: Name, item: Name) -> Explanation:
    """Split the prediction of an item (title or id) for a user of the run into parts of the mean logit.

    The parts are the global bias, the user's, the item's, what each of the five largest components of the predicted
    preferences adds, and the rest. Components have the names that `pca` gives them.
    """
    vector, row = of_user(run, user), row_of(run, item)
    by_member = logits(run, vector, np.array([row]))
    logit = by_member.mean()
    parts = [
        Part("global", float(mean_over_members(run, "global_bias"))),
        Part("user", float(vector.bias.mean())),
        Part(run.data.noun, float(mean_over_members(run, "item_bias")[row])),
        *_components(run, run.users.ids.index(id_text(user)), row),
    ]
    parts.append(Part("other components", float(logit) - sum(part.logit for part in parts)))
    return Explanation(
        user=id_text(user),
        parts=tuple(parts),
        logit=float(logit),
        prediction=float(ratings_of(by_member, run.sigmoid_range).mean()),
        of_mean_logit=float(ratings_of(logit, run.sigmoid_range)),
        posterior=_posterior(run, vector, row),
        rating=dict(zip(vector.rows.tolist(), vector.values.tolist(), strict=True)).get(row),
        knows_rating=run.rows is not None,
        is_unrated=run.is_unrated(row),
        **item_fields(run, row),
    )


def _posterior(run: Run, user: UserVector, row: int) -> PosteriorPrediction | None:
    """Return what the posterior of the run predicts, if it has one."""
    if not has_states(run):
        return None
    predictor = Predictor(run)
    found = predictor.predict(posterior_user(predictor, user), np.array([row]))
    ends = (None if end is None else float(end[0]) for end in (found.lower, found.upper))
    return PosteriorPrediction(float(found.expected[0]), *ends)


def _components(run: Run, user: int, row: int) -> list[Part]:
    """Return what each component of the preference basis adds for a user and an item, given by their rows."""
    n, items = min(MOST, run.shape("item_factors")[2], len(run.items) - 1), run.array("item_factors")
    of_users, s, of_items = preferences(run, n, items)
    u, v = (
        coordinates(factors, np.array([index]), axes)[0]
        for factors, index, axes in ((run.array("user_factors"), user, of_users), (items, row, of_items))
    )
    components = enumerate(pca(run, components=n, limit=1, basis=Basis.PREFERENCE).components)
    return [Part(f"component {j + 1}", float(u[j] * s[j] * v[j]), own.poles) for j, own in components]
