"""The headline of a report: how well the model predicts, what items differ by, what to be careful about."""

from collections.abc import Sequence
from dataclasses import dataclass

from embedcli.analysis.choices import Section
from embedcli.analysis.effects import MIXED
from embedcli.analysis.report import Bet, Caution, Report, Risk, bet
from embedcli.render.biases import coverage
from embedcli.run.record import Run

MOST_CAUTIONS, MOST_PAIRS = 3, 2
FEWEST_TESTED = 100  # ratings


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
    of = f"On {counted(split.n_test, 'test rating')} that it was not trained on ({split.description})"
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
    if baseline is None:
        return f"{off}."
    return f"{off}; a model without tastes, of user and {noun} biases alone, by {baseline.rmse:.2f}{_use(report)}."


def model_name(name: str) -> str:
    """Say which model predicts."""
    return {"posterior": "model (its posterior)", "members averaged": "model (the average of its members)"}.get(
        name, "model"
    )


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
        rest = f" (and {more} weaker {'pair' if more == 1 else 'pairs'})" if more > 0 else ""
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
    noun, value = run.data.noun, run.data.value_noun
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
            return f"users choose by taste what to rate, so a 95 % interval of {value} holds in {held} of cases"
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
