"""How a ranking by bias is shown."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from embedcli.analysis.biases import Biases, Choice, ItemBias, Mover, Movers
from embedcli.analysis.choices import By
from embedcli.analysis.decay import Agreement
from embedcli.render.view import View, capital, percent, table, view_of
from embedcli.run.record import Run


def view(ranking: Biases, run: Run, ends: Sequence[str]) -> View:
    """Show one end of the ranking, or both; `ends` are "best" and "worst"."""
    noun, value = run.data.noun, run.data.value_noun
    left_out: dict[str, Any] = dict.fromkeys({"best", "worst"} - set(ends), ())
    shown = replace(ranking, **left_out)
    rows = (*shown.best, *shown.worst)
    has_stars = any(row.stars is not None for row in rows)
    words = _words_of(run)
    which = capital(" and ".join(words[end] for end in ends))
    source = "posterior " if ranking.by is By.POSTERIOR else ""
    return view_of(
        shown,
        run,
        f"{which} {noun}s by {source}{ranking.sort.value} | {run.headline} | {_passing(ranking, run)}",
        [
            table(
                getattr(shown, end),
                ItemBias,
                f"{capital(words[end])} {noun}s" if len(ends) > 1 else "",
                without=("spread",) if ranking.n_draws else (),
                noun=noun,
                other=run.other,
                value=value,
                bias=f"{value} above the average {noun}" if has_stars else f"in logits, 0 for the average {noun}",
                source="posterior mean" if ranking.by is By.POSTERIOR else "mean prediction of the trained model",
                interval=percent(ranking.interval),
                n_draws=ranking.n_draws,
                end="top" if end == "best" else "bottom",
                limit=min(ranking.limit, ranking.n_items),
            )
            for end in ends
        ],
        caption(ranking, rows, noun, value),
        explanation(ranking, run),
    )


def movers(ranking: Movers, run: Run) -> View:
    """Show the items whose stars differ most from their damped mean, those above it first."""
    noun = run.data.noun
    source = f"{ranking.n_draws} draws of the posterior" if ranking.by is By.POSTERIOR else "the trained model"
    better, worse = ("More generous", "Harsher") if noun == "user" else ("Better", "Worse")
    headings = ((f"{better} than their mean says", ranking.up), (f"{worse} than their mean says", ranking.down))
    who, what = ("the user", f"every {run.other}") if noun == "user" else ("every user", f"the {noun}")
    return view_of(
        ranking,
        run,
        f"Biggest movers | {run.headline} | {_passing(ranking, run)}",
        [table(rows, Mover, heading, noun=noun, who=who, what=what, source=source) for heading, rows in headings],
        _correlations(ranking),
    )


def _words_of(run: Run) -> dict[str, str]:
    """Return the words for the two ends of a ranking: users are neither good nor bad."""
    if run.data.noun != "user":
        return {"best": "best", "worst": "worst"}
    if run.data.implicit:
        return {"best": "highest", "worst": "lowest"}
    return {"best": "most generous", "worst": "harshest"}


def _passing(ranking: Biases | Movers, run: Run) -> str:
    items = f"{ranking.n_items:,} {run.data.noun}s"
    return f"at least {ranking.min_ratings} ratings: {items}" if run.item_stats.is_known else f"all {items}"


def caption(ranking: Biases, shown: Sequence[ItemBias], noun: str, value: str) -> str:
    """Say in one line what a reader must know: how many rows their evidence contradicts."""
    if ranking.n_draws and ranking.by is By.TRAINED:
        n_outside = sum(bool(row.is_outside) for row in shown)
        outside = f"{n_outside} of {len(shown)} {noun}s: {value} outside their {percent(ranking.interval)} interval"
        return outside + warning(ranking.choice)
    if ranking.n_draws:
        return f"intervals from {ranking.n_draws} draws of the posterior" + warning(ranking.choice)
    return f"no intervals: there are no posterior draws for {noun}s"


def warning(choice: Choice | None) -> str:
    """Say that the intervals are too narrow, if users choose by taste strongly."""
    if choice is None or not choice.is_strong:
        return ""
    return f" | 95 % means {coverage(choice)} here"


def coverage(choice: Choice) -> str:
    """Write how often 95 % intervals hold."""
    return f"{'at most' if choice.is_beyond else 'about'} {percent(round(choice.coverage, 2))}"


def about_choice(choice: Choice | None, noun: str, value: str, *, of_users: bool = False) -> str:
    """Say how strongly users choose by taste what to rate, what it does to the intervals, and what is corrected."""
    of, usual, less = (" of users", "94", "80 to 86") if of_users else ("", "93 to 94", "83 to 90")
    simulated = f"On simulated data, 95 % intervals{of} contain the truth in {usual} % of cases"
    if choice is None:
        return f"{simulated}; if people choose what to rate by taste, in {less} %."
    if not choice.is_clear:
        return f"{simulated}. There is no sign that users choose by taste what to rate."
    more = "1 star" if choice.unit == 1 and value == "stars" else f"{choice.unit:.2g} {value}"
    kept = "users who choose by taste" if of_users else f"{noun}s that divide opinion"
    return (
        f"Users choose by taste what to rate: a user who likes a {noun} {more} more than others do is about "
        f"{choice.times:.1f} times as likely to have rated it. {simulated} without such a choice, and in "
        f"{coverage(choice)} with it. The posterior allows for who rated what, which corrects only a part: {kept} keep "
        "too many stars."
    )


def explanation(ranking: Biases, run: Run) -> list[str]:
    """Say how well the trained model agrees with its evidence, and what the bias goes with."""
    noun, sentences = run.data.noun, []
    if run.data.implicit and noun == "user":
        sentences.append(
            f"For each row the model was trained on sampled {run.other}s of the same user, so the bias of a user says "
            "little about how much the user takes: compare n."
        )
    elif run.data.implicit:
        sentences.append(
            f"The model was trained on {run.training.settings.get('n_negatives', 'some')} sampled {noun}s per row. "
            "What users take says more about what they know than about what they like: compare n. The sampled "
            "rows are no observations, so there are no intervals."
        )
    if ranking.n_draws:
        liked = run.other if noun == "user" else noun
        sentences.append(about_choice(ranking.choice, liked, run.data.value_noun, of_users=noun == "user"))
    if ranking.agreement is not None and ranking.by is By.TRAINED:
        sentences += about_agreement(ranking.agreement, run, ranking.n_items)
    return list(filter(None, [*sentences, _correlations(ranking)]))


def about_agreement(agreement: Agreement, run: Run, n_items: int) -> list[str]:
    """Say how many items lie outside their interval, how far the stars are from the posterior's, and why."""
    noun = run.data.noun
    outside = f"Of {n_items:,} {noun}s, {100 * agreement.outside:.1f} % have stars outside their interval"
    pulls = ", ".join(
        f"{pull.stars:+.2f} " + (f"at {pull.n_from} to {pull.n_to - 1}" if pull.n_to else f"from {pull.n_from} ratings")
        for pull in agreement.pulls
    )
    if not pulls:
        return [f"{outside}."]
    return [
        f"{outside}.",
        f"The mean difference of the stars to the posterior is {pulls}: training pulls rarely rated "
        f"{run.other if noun == 'user' else noun}s to the mean rating, and the posterior allows for who rated what.",
    ]


def _correlations(ranking: Biases | Movers) -> str:
    if ranking.correlation_log_n is None:
        return ""
    mean = "" if ranking.correlation_mean is None else f", with the mean {ranking.correlation_mean:+.2f}"
    return f"The correlation of the bias with log n is {ranking.correlation_log_n:+.2f}{mean}."
