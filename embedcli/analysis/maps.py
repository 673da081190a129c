"""Maps of the items: two components, or a layout that keeps neighbours together, and how far to trust it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.biases import stars_and_bias
from embedcli.analysis.choices import Method
from embedcli.analysis.components import Component, pca
from embedcli.analysis.layouts import LEAST_ITEMS, Fidelity, fidelity, layout, unit_vectors
from embedcli.analysis.selection import most_rated_first
from embedcli.errors import UsageError
from embedcli.run.lookup import find
from embedcli.run.record import Run

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

DRAWN = {Method.PCA: 50, Method.TSNE: 500, Method.UMAP: 500}  # most rated items; 50 are the lesson's picture
NUMBERS = {"year": "year", "bias": "bias", "stars": "stars", "mean": "mean_rating", "log n": "n_ratings"}
MOST_GROUPS = 7  # tags that colors and shapes can still tell apart


@dataclass(frozen=True)
class Place:
    """An item on a map.

    `stars` and `bias` are the trained members', as in `embedcli biases`; None if the run has neither.
    """

    title: str
    x: float
    y: float
    n_ratings: int
    mean_rating: float | None
    stars: float | None
    bias: float | None
    year: int | None
    tags: tuple[str, ...]
    highlighted: bool
    id: str


@dataclass(frozen=True)
class Color:
    """What the colors of a map show: a number of each place, or its tag by `tag_groups`; None if it has neither."""

    name: str
    values: tuple[float | None, ...] = ()  # of each place, if it is a number; log n to base e
    tags: tuple[str, ...] = ()  # the commonest first
    groups: tuple[str | None, ...] = ()  # of each place, if the colors are tags

    @property
    def is_number(self) -> bool:
        """Whether the colors show a number."""
        return not self.tags


@dataclass(frozen=True)
class Map:
    """Items in two dimensions, the most rated first, those asked for by title last where they are not among them.

    `axes` are the components to the right and upwards, with their share, evidence and names (of the items described
    by `axes_over`); None for t-SNE and UMAP, whose axes mean nothing. `fidelity` is over the places.
    """

    method: Method
    places: tuple[Place, ...]
    axes: tuple[Component, Component] | None
    axes_over: str
    fidelity: Fidelity
    color: Color | None
    items: str  # which items, in words
    n_members: int
    seed: int

    @property
    def share(self) -> float | None:
        """Share of the variance of the embeddings that both axes carry together."""
        return None if self.axes is None else self.axes[0].share + self.axes[1].share

    def to_frame(self) -> pd.DataFrame:
        """Return the places as a table, a row each."""
        import pandas as pd

        return pd.DataFrame([vars(place) for place in self.places])


def map_items(
    run: Run,
    *,
    method: Method = Method.PCA,
    components: tuple[int, int] = (1, 2),
    top_items: int | None = None,
    min_ratings: int | None = None,
    highlight: Sequence[str] = (),
    color: Sequence[str] = (),
    seed: int = 0,
) -> Map:
    """Lay the items out in two dimensions, and measure what the layout keeps of their neighbourhoods.

    `Method.PCA` takes two of the components that `pca` finds (with the same `min_ratings`). t-SNE (van der Maaten and
    Hinton 2008) and UMAP (McInnes et al. 2018) lay out what has a small angle between the embeddings, all members'
    side by side, close together: their neighbourhoods mean something, their axes, distances and sizes of clusters
    do not.

    Drawn are the `top_items` most rated with at least `min_ratings`: by default 50, and 500 with t-SNE and UMAP;
    with `min_ratings` alone all of these. The items of the titles or ids in `highlight` are drawn in any case. `color`
    is one of NUMBERS, or tags, or "genre" for the commonest tags of the run.

    Raises UsageError for an item, a tag or a component that is not there, for too few items, and where UMAP is not
    installed; RunError where the run lacks arrays.
    """
    if min(components) < 1 or components[0] == components[1]:
        raise UsageError(
            f"--components {components[0]},{components[1]} are not two components", "give two numbers, such as 1,2"
        )
    rows, described = most_rated_first(
        run, min_ratings, DRAWN[method] if min_ratings is None and not top_items else top_items
    )
    marked = list(dict.fromkeys(find(run, title) for title in highlight))
    rows = np.concatenate([rows, np.array([row for row in marked if row not in rows], dtype=np.int64)])
    if len(rows) < LEAST_ITEMS:
        raise UsageError(
            f"{len(rows)} {run.data.noun}s are too few for a map", "lower --min-ratings or raise --top-items"
        )
    near = unit_vectors(run.array("item_factors"), rows)
    axes, axes_over = None, ""
    if method is Method.PCA:
        found = pca(run, n_components=max(components), limit=1, min_ratings=min_ratings)
        across, up = (component - 1 for component in components)
        axes, axes_over = (found.components[across], found.components[up]), found.items
        xy = found.scores[rows][:, [across, up]]
    else:
        xy = layout(near, method, seed)
    places = _places(run, rows, xy, frozenset(marked))
    return Map(
        method=method,
        places=places,
        axes=axes,
        axes_over=axes_over,
        fidelity=fidelity(near, xy),
        color=_color(run, rows, places, color) if color else None,
        items=described,
        n_members=run.n_members,
        seed=seed,
    )


def _places(run: Run, rows: Rows, xy: Floats, marked: frozenset[int]) -> tuple[Place, ...]:
    n = run.item_stats.n_ratings
    stars, bias = stars_and_bias(run)
    items = run.items
    return tuple(
        Place(
            title=items.titles[row],
            x=float(x),
            y=float(y),
            n_ratings=int(n[row]),
            mean_rating=run.item_stats.mean_of(row),
            stars=None if stars is None else float(stars[row]),
            bias=None if bias is None else float(bias[row]),
            year=items.years[row],
            tags=items.tags[row],
            highlighted=int(row) in marked,
            id=items.ids[row],
        )
        for row, (x, y) in zip(rows, xy, strict=True)
    )


def tag_groups(run: Run, rows: Rows, tags: Sequence[str] = ()) -> Color:
    """Group some items of a run by tags: those given, or the MOST_GROUPS commonest.

    An item with several of the tags belongs to the rarest. The counts are over all items of the run, not only those
    in `rows`, so that an item has the same color in every picture. Ties: alphabetical order.
    """
    counts = Counter(tag for own in run.items.tags for tag in set(own))
    commonest = sorted(counts, key=lambda tag: (-counts[tag], tag))
    shown = sorted(tags, key=commonest.index) if tags else commonest[:MOST_GROUPS]
    rarest = sorted(shown, key=lambda tag: (counts[tag], tag))
    groups = tuple(next((tag for tag in rarest if tag in run.items.tags[row]), None) for row in rows)
    return Color(", ".join(shown), tags=tuple(shown), groups=groups)


def _color(run: Run, rows: Rows, places: Sequence[Place], asked: Sequence[str]) -> Color:
    """Resolve what the colors show; UsageError, with the choices, if it is missing."""
    noun = run.data.noun
    folded = {tag.casefold(): tag for place in places for tag in place.tags}
    names = [name.casefold() for name in asked]
    if len(names) == 1 and names[0] in NUMBERS:
        return _numbers(names[0], places, noun)
    if names in (["genre"], ["tags"]) and folded:
        return tag_groups(run, rows)
    missing = [name for name, key in zip(asked, names, strict=True) if key not in folded]
    if missing:
        many = len(asked) > 1 and missing[0].casefold() in NUMBERS
        what = "is a number, which goes alone" if many else f"is neither a number nor a tag of these {noun}s"
        tagged = f"; or tags: {', '.join(sorted(folded.values()))}" if folded else "; there are no tags"
        raise UsageError(f"--color {missing[0]!r} {what}", f"one of {', '.join(NUMBERS)}{tagged}")
    tags = {folded[key] for key in names}
    if len(tags) > MOST_GROUPS:
        raise UsageError(f"{len(tags)} tags are too many colors to tell apart", f"give at most {MOST_GROUPS}")
    return tag_groups(run, rows, sorted(tags))


def _numbers(name: str, places: Sequence[Place], noun: str) -> Color:
    found = [getattr(place, NUMBERS[name]) for place in places]
    values = [None if value is None else float(value) for value in found]
    if name == "log n":
        values = [float(np.log(value)) if value else None for value in values]
    if all(value is None for value in values):
        there = [other for other, field in NUMBERS.items() if any(getattr(p, field) is not None for p in places)]
        raise UsageError(f"--color {name!r} is not known of any of these {noun}s", f"give one of {', '.join(there)}")
    return Color(name, values=tuple(values))
