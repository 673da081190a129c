"""What people's tastes go by, in the words of the tags: the axes that were found and tested at training."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from embedcli.analysis.effects import MIXED, word
from embedcli.analysis.poles import PoleItem, poles, sign
from embedcli.analysis.record import Tone, Verdict, written_p
from embedcli.evidence.bases import Floats, Rows, unit
from embedcli.evidence.verdicts import LEAST_LOADING, LEAST_P, LEAST_SLOPE, LEAST_T, USE_OF_SCALE
from embedcli.run.predictions import APPEAL, tastes_array
from embedcli.run.record import Run, TasteAxis, TasteWord


@dataclass(frozen=True)
class TasteCard:
    """An axis of tastes, named if it holds; `unnamed` says why another one is not.

    `t` to `share` are those of `evidence.tag_tastes.TagTastes`. `r` is the multiple correlation of the axis with the
    largest components of the embeddings. The items at the poles are there by their tags and by these components, and
    each has a tag of the pole's name, if there is one in it; of a table of users, they are those that appeal most to
    the users there.
    """

    taste: int
    unnamed: str | None
    positive_name: tuple[str, ...]
    negative_name: tuple[str, ...]
    t: float
    slope: float
    p: float
    z: float
    halves: float
    share: float
    r: float
    words: tuple[TasteWord, ...]
    positive: tuple[PoleItem, ...]
    negative: tuple[PoleItem, ...]
    may_be_scale: bool = False  # whether it cannot be told from users who stretch the scale

    @property
    def judged(self) -> Verdict:
        """What the evidence says of the axis."""
        evidence = (
            f"t {self.t:.1f}, slope {self.slope:.2f}, z {self.z:.1f}, p {written_p(self.p)}, "
            f"halves {self.halves:.2f}, R {self.r:.2f}"
        )
        if self.unnamed is not None:
            tone = Tone.NONE if self.t <= LEAST_T or self.p > LEAST_P else Tone.CAUTION
            return Verdict(tone, self.unnamed, evidence)
        if self.may_be_scale:
            return Verdict(Tone.CAUTION, "real and stable, but perhaps the use of the scale", evidence)
        return Verdict(Tone.GOOD, "real and stable", evidence)


@dataclass(frozen=True)
class TagTastes:
    """The axes of tastes that are stronger than axes of permuted tags, then the first axis that is not, if any.

    `share` of the variance of held-out residuals is explained by those that hold, `embedding_share` by the embeddings.
    """

    with_numbers: bool
    n_words: int
    n_left_out: int
    n_permuted: int
    n_named: int
    share: float
    embedding_share: float | None
    least_t: float  # what an axis must reach to have a name
    least_slope: float
    least_p: float
    least_loading: float  # of its words
    cards: tuple[TasteCard, ...]


def tastes(run: Run, rows: Rows, leading: Floats, *, with_numbers: bool, limit: int) -> TagTastes | None:
    """Return the axes of tastes of a run, with `limit` items per pole among these rows; None if it has none.

    `leading` (n, K) are coordinates of the rows on the largest components of the embeddings.
    """
    of = "items_with_numbers" if with_numbers else "items"
    stored = next((tastes for tastes in run.training.tastes if tastes.of == of), None)
    if stored is None or tastes_array(of) not in run.arrays:
        return None
    places = run.array(tastes_array(of))[:, rows].astype(np.float64)
    cards = tuple(
        _card(run, rows, number, axis, scores, leading, limit)
        for number, (axis, scores) in enumerate(zip(stored.axes, places, strict=True), 1)
    )
    evidence = run.training.evidence
    named = [card for card in cards if card.unnamed is None]
    return TagTastes(
        with_numbers=with_numbers,
        n_words=stored.n_words,
        n_left_out=stored.n_left_out,
        n_permuted=stored.n_permuted,
        n_named=len(named),
        share=sum(card.share for card in named),
        embedding_share=None if evidence is None else evidence.explained,
        least_t=LEAST_T,
        least_slope=LEAST_SLOPE,
        least_p=LEAST_P,
        least_loading=LEAST_LOADING,
        cards=cards,
    )


def _card(run: Run, rows: Rows, number: int, axis: TasteAxis, scores: Floats, leading: Floats, limit: int) -> TasteCard:
    """Return an axis with its places (n,) among these rows, its name if it holds, and the items at its poles."""
    design, centred = leading - leading.mean(0), scores - scores.mean()
    projected = design @ np.linalg.lstsq(design, centred, rcond=None)[0]
    r = min(float(np.linalg.norm(projected)) / max(float(np.linalg.norm(centred)), 1e-12), 1.0)
    placed = (unit(centred) + r * unit(projected)) * np.sqrt(len(rows)) / (1 + r)  # the tags decide if r is small
    turned = sign(placed, run.item_stats.mean_rating[rows])
    words = tuple(replace(entry, loading=entry.loading * turned) for entry in axis.words)
    unnamed = why_unnamed(axis)
    names = [() if unnamed else pole_name(words, is_positive=is_positive) for is_positive in (True, False)]
    if APPEAL in run.arrays and "title" in run.users.columns:
        positive, negative = appeal(run, turned * run.array(APPEAL)[number - 1].astype(np.float64), limit)
    else:
        shown = [_with_a_tag_of(run, rows, name) for name in names]
        positive, negative = (
            poles(run, rows[kept], turned * placed[kept], limit)[end] for end, kept in enumerate(shown)
        )
    return TasteCard(
        taste=number,
        unnamed=unnamed,
        positive_name=names[0],
        negative_name=names[1],
        **{name: getattr(axis, name) for name in ("t", "slope", "p", "z", "halves", "share")},
        r=r,
        words=words,
        positive=positive,
        negative=negative,
        may_be_scale=may_be_scale(axis),
    )


def _with_a_tag_of(run: Run, rows: Rows, name: tuple[str, ...]) -> Rows:
    """Return the positions of the rows that have a tag of a pole's name; all, if there is no tag in the name."""
    kept = [at for at, row in enumerate(rows.tolist()) if not set(name).isdisjoint(run.items.tags[row])]
    return np.array(kept or range(len(rows)), dtype=np.int64)


def appeal(run: Run, scores: Floats, limit: int) -> tuple[tuple[PoleItem, ...], tuple[PoleItem, ...]]:
    """Return the items that appeal most to the users at either pole, of a table of users, by scores (I,)."""

    def item(row: int) -> PoleItem:
        stats, title = run.user_stats, run.users.columns["title"][row]
        n, mean = int(stats.n_ratings[row]), stats.mean_of(row)
        return PoleItem(title, float(scores[row]), n, mean, None, run.users.ids[row])

    order = np.argsort(scores, kind="stable")
    positive, negative = (tuple(map(item, here.tolist())) for here in (order[::-1][:limit], order[:limit]))
    return positive, negative


def pole_name(words: Sequence[TasteWord], *, is_positive: bool) -> tuple[str, ...]:
    """Name a pole by the words whose sign all halves of the users keep; a number names both poles."""
    kept = [entry for entry in words if entry.is_kept]
    own = [entry for entry in kept if entry.kind == "number" or (entry.loading > 0) == is_positive]
    return tuple(word(entry.name, entry.kind, is_high=(entry.loading > 0) == is_positive) for entry in own) or (MIXED,)


def may_be_scale(axis: TasteAxis) -> bool:
    """Whether liking the well liked more than others do, which is a taste, cannot be told from stretching the scale."""
    return axis.goes_with == USE_OF_SCALE and any(
        (entry.name, entry.kind) == ("bias", "number") and entry.is_kept for entry in axis.words
    )


def why_unnamed(axis: TasteAxis) -> str | None:
    """Say why an axis of tastes has no name; None if it holds."""
    if axis.goes_with and not may_be_scale(axis):
        return f"it goes with {axis.goes_with}, not a taste"
    if axis.t <= LEAST_T:
        return f"it does not predict held-out ratings (t {axis.t:.1f})"
    if axis.slope <= LEAST_SLOPE:
        return f"it predicts, but claims too much (slope {axis.slope:.2f})"
    if axis.p > LEAST_P:
        return f"as strong axes come from permuted words (p {written_p(axis.p)})"
    if not any(entry.is_kept for entry in axis.words):
        return "the halves do not agree on its words"
    return None
