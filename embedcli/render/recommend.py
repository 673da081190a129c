"""How recommendations are shown."""

from collections.abc import Callable

from embedcli.analysis.choices import RankBy
from embedcli.analysis.recommend import Diversity, Recommendation, Recommendations
from embedcli.analysis.selection import passing
from embedcli.render.view import Titled, View, table, view_of
from embedcli.run.record import Run

MOST_SHOWN = 5  # ratings of a profile that are written out


def view(ranking: Recommendations, run: Run) -> View:
    """Show the recommended items."""
    noun = run.data.noun
    who = f"user {ranking.user}" if ranking.user is not None else "a new user"
    items = passing(run, ranking.n_items + ranking.n_left_out, ranking.min_ratings)
    return view_of(
        ranking,
        run,
        f"For {who} | {run.headline} | {items}",
        [
            table(
                ranking.items,
                Recommendation,
                noun=noun,
                value=run.data.value_noun,
                source="states of the posterior" if ranking.by_posterior else "members",
            )
        ],
        _caption(ranking, noun),
        [
            *([] if ranking.user is not None else ["A new user is folded in, without training again."]),
            *(_price(ranking.diversity, ranking.by.value) if ranking.diversity else []),
            *([f"{noun.capitalize()}s that the user has rated are left out."] if ranking.n_left_out else []),
        ],
    )


def _caption(ranking: Recommendations, noun: str) -> str:
    """Say whose list it is, which items are left out, and what a diverse list costs."""
    sorted_by = ["sorted by gain"] if ranking.by is RankBy.GAIN else []
    price = _price(ranking.diversity, ranking.by.value)[:1] if ranking.diversity else []
    return Titled.of(lambda of: " | ".join(filter(None, (_whose(ranking, noun, of), *sorted_by, *price))))


def _price(diversity: Diversity, by: str) -> list[str]:
    """Say what a diverse list costs, and what it is worth."""
    return [
        f"diverse: mean {by} {diversity.mean:.2f} instead of {diversity.mean_of_best:.2f}",
        f"Likeness to the likest other in the list (correlation of the users' tastes): mean {diversity.likeness:.2f} "
        f"instead of {diversity.likeness_of_best:.2f}.",
    ]


def _whose(ranking: Recommendations, noun: str, of: Callable[[str], str]) -> str:
    if ranking.is_unrated:
        return f"user {ranking.user} has no training rating: this is the list of the average user"
    if not ranking.knows_rated:
        intervals = "no intervals, and " if ranking.by_posterior else ""
        return f"the run kept no ratings: {intervals}{noun}s that the user rated may be in the list"
    left_out = f"{ranking.n_left_out:,} rated {noun}{'' if ranking.n_left_out == 1 else 's'} left out"
    if ranking.user is not None:
        return left_out if ranking.n_left_out else ""
    profile = [f"{of(title)} {value:g}" for title, value in ranking.profile.items()]
    more = [f"{len(profile) - MOST_SHOWN} more"] if len(profile) > MOST_SHOWN else []
    return f"made of {'; '.join(profile[:MOST_SHOWN] + more)}"
