"""What a report tells of a run: each analysis once, which items to bet on, and what to be careful about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from embedcli.analysis.accuracy import Accuracy, accuracy
from embedcli.analysis.biases import Biases, ItemBias, biases
from embedcli.analysis.choices import Section, chosen
from embedcli.analysis.decay import DecayVerdict, judge_decay
from embedcli.analysis.map import Map, map_items
from embedcli.analysis.pca import Component, Components, pca
from embedcli.analysis.probe import Probes, probe
from embedcli.analysis.tastes import TasteCard
from embedcli.errors import EmbedcliError, RunError, UsageError
from embedcli.progress import stage
from embedcli.run.record import BIASES, MEAN, POSTERIOR, Run, Score

if TYPE_CHECKING:  # its package is slow to import
    from embedcli.analysis.clusters import Clusters

SURE, EVEN = 0.8, 0.5  # probabilities from which to bet on an item, and below which not to
N_COMPONENTS, MIN_RATINGS, LIMIT, N_GROUPS = 3, 10, 10, 8
MOST_DRAWN = 3000  # items on the map: more make a page that is slow to open
FEW_KEPT = 0.5  # share of an item's nearest on a map, below which being near says little

Answer = TypeVar("Answer")


class Bet(Enum):
    """Whether to bet that an item truly belongs to its list."""

    YES = "bet"
    MAYBE = "perhaps"
    NO = "do not bet"
    UNKNOWN = "no evidence"


class Risk(Enum):
    """What to be careful about, the worst first."""

    USELESS = "the model predicts no better than biases alone"
    UNTESTED = "there are no test rows"
    DECAY = "the weight decay does not suit the data"
    NO_EVIDENCE = "the components were not tested"
    NOT_TASTE = "axes go with something else than taste"
    BETS = "items whose place in the ranking is not to bet on"
    NO_INTERVALS = "the ranking has no intervals"
    CLAIMS = "axes claim too much"
    CHOICE = "users choose by taste what to rate"
    UNSTABLE = "axes are real, but have no stable meaning"
    CONTINUUM = "the groups are pieces of a continuum"
    MAP = "the map keeps few neighbours"


@dataclass(frozen=True)
class Caution:
    """A risk that the evidence of the run shows, with the numbers of the components that have it."""

    risk: Risk
    axes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Report:
    """All that a report shows of a run; an analysis is None if it was not asked for, or is `missing` for a reason.

    `model`, `baseline` and `simplest` are the scores of the model that predicts (the posterior, if there is one), of
    user and item biases alone, and of the mean rating alone; None without test rows. `cautions` begin with the worst.
    """

    sections: tuple[Section, ...]
    model: Score | None
    baseline: Score | None
    simplest: Score | None
    decay: DecayVerdict | None
    ranking: Biases | None
    components: Components | None
    drawn: Map | None
    grouping: Clusters | None
    probes: Probes | None
    accuracy: Accuracy | None
    missing: Mapping[Section, EmbedcliError]
    cautions: tuple[Caution, ...] = ()

    @property
    def gain(self) -> float | None:
        """Share of the error of biases alone that the model takes away; with implicit data of the wrong order (AUC)."""
        if self.model is None or self.baseline is None:
            return None
        own, other = (score.rmse if score.auc is None else 1 - score.auc for score in (self.model, self.baseline))
        return 1 - own / other if other else 0.0

    @property
    def axes(self) -> tuple[Component, ...]:
        """The components."""
        return () if self.components is None else self.components.components

    @property
    def tastes(self) -> tuple[TasteCard, ...]:
        """The axes of tastes; none if they were not tested."""
        return () if self.components is None or self.components.tastes is None else self.components.tastes.cards


@stage("report", parts=dict.fromkeys(Section, 1.0))
def report(
    run: Run,
    *,
    sections: Sequence[str] = (),
    components: int | None = None,
    min_ratings: int | None = None,
    by: str | None = None,
) -> Report:
    """Return what a report shows of a run, by default in all sections.

    The headline needs ranking and components; the other analyses are made for their sections alone, each once. If the
    run or the data is not enough for one, it is missing. `components` is by default 3, or as many as there are, and
    `min_ratings` of the ranking 10. `by` says by which measure items are near on the map and in groups.

    Raises UsageError for an unknown section, and if a given `components` or `min_ratings` does not fit.
    """
    asked = tuple(dict.fromkeys(chosen(Section, name, "sections") for name in sections)) or tuple(Section)
    missing: dict[Section, EmbedcliError] = {}

    def made(section: Section, analyse: Callable[[Run], Answer], *, if_asked: bool = True) -> Answer | None:
        try:
            with stage(section):
                return analyse(run) if section in asked or not if_asked else None
        except (RunError, UsageError) as error:
            missing[section] = error
            return None

    found = made(Section.AXES, lambda run: _components(run, components), if_asked=False)
    ranking = made(Section.RANKING, lambda run: _ranking(run, min_ratings), if_asked=False)
    for given, section in ((components, Section.AXES), (min_ratings, Section.RANKING)):
        if given is not None and isinstance(error := missing.get(section), UsageError):
            raise error
    scores = {score.model: score for score in run.training.scores}
    whole = Report(
        sections=asked,
        model=scores.get(POSTERIOR) or run.training.model_score,
        baseline=scores.get(BIASES),
        simplest=scores.get(MEAN),
        decay=judge_decay(run),
        ranking=ranking,
        components=found,
        drawn=made(Section.MAP, lambda run: map_items(run, by=by, top_items=min(len(run.items), MOST_DRAWN))),
        grouping=made(Section.CLUSTERS, lambda run: _grouping(run, by)),
        probes=made(Section.PROBE, probe),
        accuracy=made(Section.ERRORS, accuracy),
        missing=missing,
    )
    order = list(Risk)
    return replace(whole, cautions=tuple(sorted(_cautions(whole), key=lambda caution: order.index(caution.risk))))


def bet(row: ItemBias) -> Bet:
    """Say whether to bet that an item truly belongs to its list.

    Not if its stars are outside their interval, so that the trained model and its evidence disagree, or if it is less
    likely there than not.
    """
    if row.probability is None:
        return Bet.UNKNOWN
    if row.is_outside or row.probability < EVEN:
        return Bet.NO
    return Bet.YES if row.probability >= SURE else Bet.MAYBE


def _components(run: Run, n_components: int | None) -> Components:
    most = min(run.shape("item_factors")[2], len(run.items) - 1)
    return pca(run, components=max(min(N_COMPONENTS, most), 1) if n_components is None else n_components)


def _ranking(run: Run, min_ratings: int | None) -> Biases:
    least = MIN_RATINGS if min_ratings is None else min_ratings
    n_passing = int((run.item_stats.n_ratings >= least).sum())
    return biases(run, min_ratings=least, limit=max(min(LIMIT, n_passing // 2), 1))  # no item stands in both lists


def _grouping(run: Run, by: str | None) -> Clusters:
    from embedcli.analysis.clusters import clusters

    return clusters(run, clusters=max(min(N_GROUPS, len(run.items) // 2), 2), by=by)


def _cautions(whole: Report) -> Iterator[Caution]:
    """Yield each risk that the evidence shows."""
    if whole.model is None:
        yield Caution(Risk.UNTESTED)
    if whole.gain is not None and whole.gain <= 0:
        yield Caution(Risk.USELESS)
    if whole.decay is not None and whole.decay.suggested is not None:
        yield Caution(Risk.DECAY)
    yield from _of_ranking(whole.ranking)
    yield from _of_axes(whole.axes)
    if whole.grouping is not None and not whole.grouping.has_groups:
        yield Caution(Risk.CONTINUUM)
    if whole.drawn is not None and whole.drawn.fidelity.recall < FEW_KEPT:
        yield Caution(Risk.MAP)


def _of_ranking(ranking: Biases | None) -> Iterator[Caution]:
    if ranking is None:
        return
    if not ranking.n_draws:
        yield Caution(Risk.NO_INTERVALS)
    elif any(bet(row) is Bet.NO for row in (*ranking.best, *ranking.worst)):
        yield Caution(Risk.BETS)
    if ranking.choice is not None and ranking.choice.is_strong:
        yield Caution(Risk.CHOICE)


def _of_axes(components: Sequence[Component]) -> Iterator[Caution]:
    kinds: dict[Risk, Callable[[Component], bool]] = {
        Risk.NO_EVIDENCE: lambda axis: axis.verdict is None,
        Risk.NOT_TASTE: lambda axis: axis.goes_with is not None,
        Risk.CLAIMS: lambda axis: bool(axis.predicts and not axis.real) and axis.goes_with is None,
        Risk.UNSTABLE: lambda axis: bool(axis.real) and axis.unnamed is not None,
    }
    for risk, has in kinds.items():
        if axes := tuple(axis.component for axis in components if has(axis)):
            yield Caution(risk, axes)
