"""The headline of a report: how well the model predicts, what items differ by, what to be careful about."""

from collections.abc import Sequence
from dataclasses import dataclass

from embedcli.analysis.accuracy import Accuracy
from embedcli.analysis.choices import Section
from embedcli.analysis.effects import MIXED
from embedcli.analysis.report import Bet, Caution, Report, Risk, bet
from embedcli.render.biases import coverage
from embedcli.run.record import MEMBERS, POSTERIOR, Run

MOST_CAUTIONS, MOST_PAIRS = 3, 2
FEWEST_TESTED = 100  # ratings
WEAK = 0.05  # share of what biases leave open, below which tastes are weak


@dataclass(frozen=True)
class Sentence:
    """A sentence of the headline: what it answers, its words, and the section that shows more."""

    question: str
    words: str
    section: Section


def with_article(noun: str) -> str:
    """Return a noun with its article."""
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


def counted(n: int, noun: str) -> str:
    """Write a number of things."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def headline(report: Report, run: Run) -> list[Sentence]:
    """Return the three sentences."""
    noun = run.data.noun
    return [
        Sentence("How well does it predict?", _prediction(report, run), Section.ERRORS),
        Sentence(f"What do {noun}s differ by?", _difference(report, run), Section.AXES),
        Sentence("What to be careful about?", _care(report, run), _where(report)),
    ]


def glossary(run: Run) -> list[tuple[str, str]]:
    """Explain the words of a report, and which of the two models each part looks into."""
    noun, n_factors, has_posterior = run.data.noun, run.shape("item_factors")[2], run.training.posterior is not None
    members = (
        f"{run.n_members} members, trained from different random numbers, " if run.n_members > 1 else "one member "
    )
    words = [
        ("Embedding", f"the {n_factors} numbers that the model has learned for each {noun}, from the ratings alone"),
        ("Component", f"a direction in the embeddings; the {noun}s differ most along component 1"),
        ("Bias", f"how much better {with_article(noun)} is rated than others, or a user rates than others"),
        ("Trained model", f"{members}which ranking, axes, map and groups look into"),
    ]
    if has_posterior:
        words += [
            ("Posterior", "a Bayesian model of the same ratings; it predicts, and gives the ranking its intervals")
        ]
    if run.training.split.n_test:
        tested = "Test ratings only measure how far off predictions are; held-out ratings"
        words += [
            ("Test, held-out", f"{tested} are training ratings that some models go without, to test axes and tastes")
        ]
    if not run.data.implicit:
        words += [("RMSE", "root mean squared error: the typical size of an error")]
    return [(word, f"{meaning}.") for word, meaning in words]


def summary(run: Run) -> str:
    """Say in a line what the report is of."""
    split = run.training.split
    parts = [f"{len(run.items):,} {run.data.noun}s, {len(run.users):,} users"]
    if split.n_test:
        parts += [f"{split.n_train:,} ratings to train on, {split.n_test:,} to test on ({_chosen(run)})"]
    else:
        parts += [split.description]
    if run.n_members > 1:
        parts += [f"{run.n_members} members (the model, trained {run.n_members} times)"]
    return " | ".join(filter(None, [*parts, f"run {run.name}", f"embedcli {run.meta['version']}"]))


def _chosen(run: Run) -> str:
    """Say in words which ratings are the test."""
    split = run.training.split
    share = f"{100 * split.n_test / (split.n_train + split.n_test):.0f} %"
    words = {"random": f"{share} of all, drawn at random, seed {split.seed}", "time": f"the latest {share} of all"}
    return words.get(split.kind, split.description)


def listed(words: Sequence[str]) -> str:
    """Write a list in a sentence: a, b and c."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def _prediction(report: Report, run: Run) -> str:
    split, model, baseline = run.training.split, report.model, report.baseline
    if model is None:
        if not split.n_train:
            return "This is not known: the run has no test scores; embedcli train measures them."
        return (
            f"This is not known: the model was trained on all {split.n_train:,} ratings, and none is left to test on; "
            "embedcli train --split random leaves a tenth out."
        )
    of = f"On {counted(split.n_test, 'test rating')} that it was not trained on ({_chosen(run)})"
    if split.n_test < FEWEST_TESTED:
        of += ", which are too few to tell"
    noun, value = run.data.noun, run.data.value_noun
    if model.auc is not None:
        taken = f"{with_article(noun)} that was taken"
        sentence = f"{of}, the model ranks {taken} above one that was not in {100 * model.auc:.0f} % of cases"
        rest = "" if baseline is None or baseline.auc is None else f", biases alone in {100 * baseline.auc:.0f} %"
        return f"{sentence} (AUC {model.auc:.3f}; chance is 50 %){rest}."
    low, high = run.data.scale
    off = f"{of}, the {model_name(model.model)} is off by {model.rmse:.2f} {value}"
    off += f" (RMSE, on a scale of {low:g} to {high:g})"
    if report.accuracy is not None:
        off += f", and in {within(report.accuracy, value)}"
    if baseline is None:
        return f"{off}."
    mean = "" if report.simplest is None else f"the mean rating alone is off by {report.simplest.rmse:.2f}, "
    return f"{off}; {mean}user and {noun} biases, without tastes, by {baseline.rmse:.2f}{_use(report)}."


def within(found: Accuracy, value: str) -> str:
    """Say how often a prediction is near."""
    near = "1 star" if (found.near, value) == (1, "stars") else f"{found.near:g} {value}"
    return f"{100 * found.share_near:.0f} % of cases by at most {near}"


def model_name(name: str) -> str:
    """Say which model predicts."""
    return {POSTERIOR: "model (its posterior)", MEMBERS: "model (the average of its members)"}.get(name, "model")


def _use(report: Report) -> str:
    if report.gain is None:
        return ""
    if report.gain <= 0:
        return ": the tastes do not help"
    return f": tastes take {100 * report.gain:.0f} % off the error" if report.gain >= 0.01 else ": tastes hardly help"


def _difference(report: Report, run: Run) -> str:
    noun = run.data.noun
    axes = [
        f"component {axis.component}, {_against(axis.negative_name, axis.positive_name)}"
        for axis in report.axes
        if axis.has_name
    ]
    tastes = [_against(card.negative_name, card.positive_name) for card in report.tastes if card.unnamed is None]
    parts = []
    if axes:
        parts.append(f"The {noun}s differ most along {listed(axes)}")
    elif report.axes:
        parts.append("No component of the embeddings has a meaning that holds")
    else:
        parts.append("The embeddings have no components to show")
    if tastes:
        shown, more = tastes[:MOST_PAIRS], len(tastes) - MOST_PAIRS
        assert report.components is not None
        assert report.components.tastes is not None
        share = report.components.tastes.share
        rest = f" (and {more} more {'pair' if more == 1 else 'pairs'})" if more > 0 else ""
        rest += f": {'weak but ' if share < WEAK else ''}real, together {100 * share:.1f} % of what biases leave"
        parts.append(f"in the words of their tags, people's tastes divide over {'; and over '.join(shown)}{rest}")
    elif report.tastes:
        parts.append("no tags tell people's tastes apart")
    return f"{'; '.join(parts)}."


def _against(negative: Sequence[str], positive: Sequence[str]) -> str:
    """Name two poles in a sentence, in quotes."""
    ends = [
        "mixed" if tuple(name) == (MIXED,) else "\u201c" + ", ".join(name) + "\u201d" for name in (negative, positive)
    ]
    return " against ".join(ends)


def _care(report: Report, run: Run) -> str:
    clauses = [_clause(caution, report, run) for caution in report.cautions[:MOST_CAUTIONS]]
    if not clauses:
        return "The run's own evidence speaks against nothing that is shown below."
    sentence = "; ".join(clauses)
    return sentence[0].upper() + sentence[1:] + "."


def _where(report: Report) -> Section:
    """Return the section that shows the worst caution."""
    worst = report.cautions[0] if report.cautions else Caution(Risk.BETS)
    if worst.axes:
        return Section.AXES
    of_ranking = Risk.BETS, Risk.CHOICE, Risk.NO_INTERVALS
    return Section.RANKING if worst.risk in of_ranking else Section.ERRORS


def _clause(caution: Caution, report: Report, run: Run) -> str:
    noun = run.data.noun
    is_one, numbers = len(caution.axes) == 1, listed([str(axis) for axis in caution.axes])
    axes = f"component {numbers}" if is_one else f"components {numbers}"
    match caution.risk:
        case Risk.USELESS:
            return "the model predicts no better than biases alone, so its tastes say nothing"
        case Risk.UNTESTED:
            return "how well the model predicts was not tested"
        case Risk.DECAY:
            assert report.decay is not None
            return report.decay.judged.words
        case Risk.NO_EVIDENCE:
            return f"{axes} {'was' if is_one else 'were'} not tested on held-out ratings, and may be chance"
        case Risk.NOT_TASTE:
            return f"{axes} {'goes' if is_one else 'go'} with something else than taste"
        case Risk.BETS:
            return f"do not bet on {_counted(report)} {noun}s, whose place in the list is not certain"
        case Risk.NO_INTERVALS:
            return f"nothing says how certain the place of {with_article(noun)} in the ranking is"
        case Risk.CLAIMS:
            return f"{axes} {'claims' if is_one else 'claim'} more than held-out ratings confirm"
        case Risk.CHOICE:
            assert report.ranking is not None
            assert report.ranking.choice is not None
            held = coverage(report.ranking.choice)
            return (
                f"in simulations of data like these, a 95 % interval holds in {held} of cases, because users choose by "
                "taste what to rate"
            )
        case Risk.UNSTABLE:
            return f"{axes} {'is' if is_one else 'are'} real, but without a stable meaning"
        case Risk.CONTINUUM:
            return "the groups are pieces of a continuum"
        case Risk.MAP:
            assert report.drawn is not None
            kept = f"{100 * report.drawn.fidelity.recall:.0f} %"
            return f"{noun}s that are near on the map need not be alike: it keeps {kept} of the nearest"


def _counted(report: Report) -> str:
    """Say how many of each list not to bet on."""
    assert report.ranking is not None
    ends = (("worst", report.ranking.worst), ("best", report.ranking.best))
    counts = [(sum(bet(row) is Bet.NO for row in rows), len(rows), end) for end, rows in ends]
    return listed([f"{n} of the {of} {end}" for n, of, end in counts if n])
