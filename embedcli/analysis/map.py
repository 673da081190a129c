"""Maps of the items: by two components, or by a projection that keeps neighbours together, and how far to trust it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from embedcli.analysis.biases import stars_and_bias
from embedcli.analysis.choices import Angle, Measure, Method, chosen
from embedcli.analysis.decay import stars_interval
from embedcli.analysis.metric import measure_of, member_vectors, unit_vectors
from embedcli.analysis.pca import Component, pca
from embedcli.analysis.projections import LEAST_ITEMS, Fidelity, fidelity, project
from embedcli.analysis.record import PYTHON_ONLY, Record, decimal, text, titles, whole
from embedcli.analysis.selection import Asked, item_records, most_rated_first, rows_of
from embedcli.analysis.similar import Nearest, nearest_among
from embedcli.errors import UsageError
from embedcli.evidence.bases import Floats, Rows
from embedcli.run.record import Run

MOST_DRAWN = {Method.PCA: 60_000, Method.TSNE: 10_000, Method.UMAP: 10_000}  # items
DRAWN = {Method.PCA: 50, Method.TSNE: 500, Method.UMAP: 500}  # most rated items; 50 are the lesson's picture
NUMBERS = {"year": "year", "bias": "bias", "stars": "stars", "mean": "mean_rating", "log n": "n_ratings"}
MOST_GROUPS = 7  # tags that colors and shapes can still tell apart
LEAST_RATINGS = 20  # of an item with neighbours, as `similar` has it by default
MOST_WITH_NEIGHBOURS = 10_000  # items, the most rated: the time grows with the square of their number


@dataclass(frozen=True)
class MapPoint:
    """An item on a map, with the trained members' stars and bias and their 95 % interval; None if not known."""

    title: Annotated[str, titles("{noun}")]
    x: Annotated[float, decimal("x", "coordinate to the right", sign=True)]
    y: Annotated[float, decimal("y", "coordinate upwards", sign=True)]
    n_ratings: Annotated[int, whole("n", "number of training ratings")]
    mean_rating: float | None
    stars: float | None
    lower: float | None
    upper: float | None
    bias: float | None
    year: int | None
    tags: tuple[str, ...]
    highlighted: bool
    id: Annotated[str, text("id")]


@dataclass(frozen=True)
class Color:
    """What the colors of a map show: a number of each point, or its tag by `tag_groups`; None if it has neither."""

    name: str
    values: tuple[float | None, ...] = ()  # of each point, if it is a number; log n to base e
    tags: tuple[str, ...] = ()  # the commonest first
    groups: tuple[str | None, ...] = ()  # of each point, if the colors are tags

    @property
    def is_number(self) -> bool:
        """Whether the colors show a number."""
        return not self.tags


@dataclass(frozen=True)
class Map(Record):
    """Items in two dimensions, the most rated first; then the highlighted ones that are not among the most rated.

    `axes` are the components to the right and upwards, found over the items that `axes_over` describes, and `share`
    is their share of the variance of the embeddings. All are None for t-SNE and UMAP, whose axes have no meaning.
    Neighbours are those by the measure `by`, also where `fidelity` counts how many of them the map keeps.
    """

    method: Method
    by: Measure
    seed: int
    items: str  # which items, in words
    axes: tuple[Component, Component] | None
    axes_over: str | None
    share: float | None
    fidelity: Fidelity
    n_members: int
    places: tuple[MapPoint, ...]
    color: Annotated[Color | None, PYTHON_ONLY]
    min_ratings: Annotated[int | None, PYTHON_ONLY]  # of the items over which components are found, if not by default
    item_rows: Annotated[Rows, PYTHON_ONLY]  # of the points, in the run

    def rows(self) -> list[dict[str, Any]]:
        """Return the points as a table, a row each."""
        return [{**vars(point), "tags": "|".join(point.tags)} for point in self.places]


def map_items(
    run: Run,
    *,
    method: str = Method.PCA.value,
    by: str | None = None,
    components: tuple[int, int] = (1, 2),
    top_items: int | None = None,
    min_ratings: int | None = None,
    highlight: Asked = (),
    color: str | Sequence[str] = (),
    seed: int = 0,
) -> Map:
    """Place the items in two dimensions, and measure how well that preserves their neighbours.

    By two of the components that `pca` finds with the same `min_ratings`, or by t-SNE (van der Maaten and Hinton 2008)
    or UMAP (McInnes et al. 2018) of the unit vectors of all members side by side. Neighbours are those of `similar`, by
    the same measure.

    The items are the `top_items` most rated with at least `min_ratings`, by default 50, and 500 with t-SNE and UMAP;
    with `min_ratings` alone all of them, but never more than MOST_DRAWN; and those in `highlight` (titles or ids)
    in any case. `color` is one of NUMBERS, or tags, or "genre" for the commonest tags of the run.

    Raises UsageError for an unknown item, tag or component, for too few items, and if UMAP is not installed; RunError
    if the run lacks arrays.
    """
    measure = measure_of(run, by, Angle)
    if min(components) < 1 or components[0] == components[1]:
        raise UsageError(
            f"`components` {components[0]},{components[1]} are not two components", "give two numbers, such as 1,2"
        )
    n_factors = run.shape("item_factors")[2]
    if max(components) > n_factors:
        i, j = components
        hint = f"give two numbers from 1 to {n_factors}, such as 1,2" if n_factors > 1 else "draw it with `method` tsne"
        raise UsageError(f"`components` {i},{j}: the run has {n_factors} factors", hint)
    method, color = chosen(Method, method, "method"), [color] if isinstance(color, str) else color
    marked = list(dict.fromkeys(rows_of(run, highlight)))
    draws_all = min_ratings is not None or (method is Method.PCA and not run.item_stats.is_known)
    default = None if draws_all else DRAWN[method]
    rows, described = most_rated_first(
        run, min_ratings, default if top_items is None else top_items, MOST_DRAWN[method]
    )
    rows = np.concatenate([rows, np.array([row for row in marked if row not in rows], dtype=np.int64)])
    if len(rows) < LEAST_ITEMS:
        raise UsageError(
            f"{len(rows)} {run.data.noun}s are too few for a map", "lower `min_ratings` or raise `top_items`"
        )
    vectors = unit_vectors(member_vectors(run, measure), rows)
    axes, axes_over = None, None
    if method is Method.PCA:
        found = pca(run, components=max(components), limit=1, min_ratings=min_ratings)
        right, up = (component - 1 for component in components)
        axes, axes_over = (found.components[right], found.components[up]), found.items
        xy = found.scores[rows][:, [right, up]]
    else:
        xy = project(vectors, method, seed)
    points = _points(run, rows, xy, marked)
    return Map(
        method=method,
        by=measure,
        seed=seed,
        items=described,
        axes=axes,
        axes_over=axes_over,
        share=None if axes is None else axes[0].share + axes[1].share,
        fidelity=fidelity(vectors, xy),
        n_members=run.n_members,
        places=points,
        color=_color(run, rows, points, color) if color else None,
        min_ratings=min_ratings,
        item_rows=rows,
    )


def neighbours_of(run: Run, drawn: Map) -> tuple[Rows, Nearest | None]:
    """Return (indices of the points with neighbours, the nearest of each as positions in those indices).

    These are the MOST_WITH_NEIGHBOURS most rated points with LEAST_RATINGS ratings or more; all points, if the run has
    no ratings. None if they are fewer than two.
    """
    has_enough = run.item_stats.has_at_least(LEAST_RATINGS)
    indices = np.flatnonzero(has_enough[drawn.item_rows])[:MOST_WITH_NEIGHBOURS]
    return indices, nearest_among(run, drawn.item_rows[indices], drawn.by) if len(indices) > 1 else None


def tag_groups(run: Run, rows: Rows, tags: Sequence[str] = ()) -> Color:
    """Group some items of a run by tags: those given, or the MOST_GROUPS commonest.

    An item with several of the tags belongs to the rarest. The counts are over all items of the run, not only those
    in `rows`, so that an item has the same color in every picture. Ties are resolved alphabetically.
    """
    counts = Counter(tag for own in run.items.tags for tag in set(own))
    commonest = sorted(counts, key=lambda tag: (-counts[tag], tag))
    shown = sorted(tags, key=commonest.index) if tags else commonest[:MOST_GROUPS]
    rarest = sorted(shown, key=lambda tag: (counts[tag], tag))
    groups = tuple(next((tag for tag in rarest if tag in run.items.tags[row]), None) for row in rows)
    return Color(", ".join(shown), tags=tuple(shown), groups=groups)


def _points(run: Run, rows: Rows, xy: Floats, marked: Sequence[int]) -> tuple[MapPoint, ...]:
    stars, bias = (None if values is None else values[rows] for values in stars_and_bias(run))
    lower, upper = stars_interval(run.array("item_stars")[:, rows]) if run.n_draws else (None, None)
    return item_records(
        run,
        MapPoint,
        rows,
        x=xy[:, 0],
        y=xy[:, 1],
        stars=stars,
        bias=bias,
        lower=lower,
        upper=upper,
        year=[run.items.years[row] for row in rows],
        tags=[run.items.tags[row] for row in rows],
        highlighted=[row in marked for row in rows],
    )


def _color(run: Run, rows: Rows, points: Sequence[MapPoint], asked: Sequence[str]) -> Color:
    """Return what the colors show; UsageError, with the choices, if it is missing."""
    noun = run.data.noun
    folded = {tag.casefold(): tag for point in points for tag in point.tags}
    names = [name.casefold() for name in asked]
    if len(names) == 1 and names[0] in NUMBERS:
        return _numbers(names[0], points, noun)
    if names in (["genre"], ["tags"]) and folded:
        return tag_groups(run, rows)
    missing = [name for name in asked if name.casefold() not in folded]
    if missing:
        is_number = len(asked) > 1 and missing[0].casefold() in NUMBERS
        why = "is a number, which goes alone" if is_number else f"is neither a number nor a tag of these {noun}s"
        tags = f"; or tags: {', '.join(sorted(folded.values()))}" if folded else "; there are no tags"
        raise UsageError(f"`color` {missing[0]!r} {why}", f"one of {', '.join(NUMBERS)}{tags}")
    chosen = {folded[name] for name in names}
    if len(chosen) > MOST_GROUPS:
        raise UsageError(f"{len(chosen)} tags are too many colors to tell apart", f"give at most {MOST_GROUPS}")
    return tag_groups(run, rows, sorted(chosen))


def _numbers(name: str, points: Sequence[MapPoint], noun: str) -> Color:
    values = [getattr(point, NUMBERS[name]) for point in points]
    if name == "log n":
        values = [np.log(value) if value else None for value in values]
    if all(value is None for value in values):
        known = [other for other, key in NUMBERS.items() if any(getattr(point, key) is not None for point in points)]
        raise UsageError(f"`color` {name!r} is not known for any of these {noun}s", f"give one of {', '.join(known)}")
    return Color(name, values=tuple(None if value is None else float(value) for value in values))
