"""How predictions are shown."""

from embedcli.analysis.choices import RankBy
from embedcli.analysis.predict import PairPrediction, PairPredictions, TopPrediction, TopPredictions
from embedcli.analysis.selection import passing
from embedcli.render.view import View, table, view_of
from embedcli.run.record import Run

NO_RATINGS = "the run kept no ratings, so there are no intervals and no corrections by neighbours"
NO_POSTERIOR = "the run has no posterior: its members predict, without intervals"
EXPLANATION = (
    "The prediction is the mean over the states of the posterior. If like-minded users help to predict, what they rate "
    "above or below their predictions corrects it. The interval is for a single rating, so most of it is noise.",
)


def pairs_view(found: PairPredictions, run: Run) -> View:
    """Show the predictions of pairs."""
    n = len(found.predictions)
    return view_of(
        found,
        run,
        f"Predicted {run.data.value_noun} | {run.headline} | {n:,} pair{'' if n == 1 else 's'}",
        [table(found.predictions, PairPrediction, **_words(run, found))],
        "",
        _explanation(found),
    )


def top_view(found: TopPredictions, run: Run) -> View:
    """Show the best items of every user."""
    noun, what = run.data.noun, run.data.value_noun if found.by is RankBy.STARS else found.by.value
    users = f"{found.n_users:,} user{'' if found.n_users == 1 else 's'}"
    items = passing(run, found.n_items, found.min_ratings)
    return view_of(
        found,
        run,
        f"Top {found.limit:,} by {what} for each of {users} | {run.headline} | {items}",
        [table(found.predictions, TopPrediction, **_words(run, found))],
        f"{noun}s that the user has rated are left out" if found.knows_rated else "",
        _explanation(found),
    )


def _words(run: Run, found: PairPredictions | TopPredictions) -> dict[str, str]:
    source = "states of the posterior" if found.by_posterior else "members"
    return {"noun": run.data.noun, "value": run.data.value_noun, "source": source}


def _explanation(found: PairPredictions | TopPredictions) -> tuple[str, ...]:
    return EXPLANATION if found.by_posterior else ("The prediction is the mean over the trained members.",)


def _missing(found: PairPredictions | TopPredictions) -> list[str]:
    """Say why there are no intervals."""
    return [] if found.has_intervals else [NO_RATINGS if found.by_posterior else NO_POSTERIOR]


def notes_on_pairs(found: PairPredictions, run: Run) -> list[str]:
    """Say which predictions and intervals are missing, and why."""
    lines = _missing(found)
    if found.n_unknown:
        counts = ((found.n_unknown_users, "user"), (found.n_unknown_items, run.data.noun))
        unknown = " and ".join(f"{n:,} {noun}{'' if n == 1 else 's'}" for n, noun in counts if n)
        missing = f"{found.n_unknown:,} of {len(found.predictions):,} pairs have no prediction"
        lines.append(f"{missing}: the run does not know {unknown}")
    return lines


def notes_on_top(found: TopPredictions, run: Run) -> list[str]:
    """Say which intervals are missing, and why."""
    rated = "" if found.knows_rated else f"; rated {run.data.noun}s may be in the lists"
    return [f"{line}{rated}" for line in _missing(found)]
