"""Handing a run to other programs: its arrays as they are, or one vector per item with what is known of the items."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedcli.analysis.biases import stars_and_bias
from embedcli.analysis.choices import Basis, ExportFormat, Measure, Rotation, chosen
from embedcli.analysis.components import ComponentFinder
from embedcli.analysis.decay import stars_interval
from embedcli.analysis.map import LEAST_RATINGS, MOST_WITH_NEIGHBOURS
from embedcli.analysis.metric import measure_of, member_vectors, nearest, unit_vectors
from embedcli.analysis.poles import sign
from embedcli.errors import UsageError
from embedcli.evidence.bases import Floats, most_rated, side_by_side
from embedcli.run.exporters import delimited, npz, parquet, projector, safetensors, word2vec
from embedcli.run.exporters.card import licence
from embedcli.run.exporters.output import check_place, write
from embedcli.run.exporters.table import LINE_BREAK, Neighbours, VectorTable
from embedcli.run.record import Run

WHOLE = (ExportFormat.NPZ, ExportFormat.SAFETENSORS)  # formats of all arrays
FOLDERS = {ExportFormat.PROJECTOR: projector.NAMES, ExportFormat.SAFETENSORS: safetensors.NAMES}
ENDINGS = {
    **{format.value: format for format in ExportFormat},
    "tsv": ExportFormat.PROJECTOR,
    "txt": ExportFormat.WORD2VEC,
    "vec": ExportFormat.WORD2VEC,
}
OF_VECTORS = {ExportFormat.CSV: delimited, ExportFormat.PARQUET: parquet, ExportFormat.WORD2VEC: word2vec}


@dataclass(frozen=True)
class Export:
    """What was written: the format, the file or folder, what is in it, and what a reader of it must know."""

    to: ExportFormat
    output: Path
    content: str
    notes: tuple[str, ...]


def export_run(run: Run, output: Path | str, *, to: ExportFormat | str | None = None) -> Export:
    """Write the embeddings of a run for another program.

    `to` is the format, by default by the ending of `output`: npz, parquet, csv, or word2vec (.txt, .vec). The formats
    projector and safetensors write a folder, in which no file is replaced. npz and safetensors hold the arrays of the
    items and the users. The others hold one vector per item; for one per user, export `run.table("users")`.

    Raises UsageError if format and ending disagree, if a file is in the way, and if the output cannot be written.
    """
    path = Path(output)
    format = format_of(path, to)
    names = FOLDERS.get(format, ())
    check_place(path, names)
    if format in WHOLE:
        content, notes = _arrays(run), list(_notes_on_arrays(run, format))
        made: Any = npz.content(run) if format is ExportFormat.NPZ else safetensors.contents(run)
    else:
        table = vector_table(run, with_map=format is ExportFormat.PARQUET)
        content = f"{len(table.vectors):,} {run.data.noun}s, {table.vectors.shape[1]} numbers each"
        notes = list(_notes_on_vectors(run, table, format))
        made = OF_VECTORS[format].content(table) if format in OF_VECTORS else projector.contents(table)
    write(path, made)
    files = f"{', '.join(names[:-1])} and {names[-1]}: " if names else ""
    which = f"run {run.name}: " if run.is_one_of_several else ""
    return Export(format, path, which + files + content, tuple(notes))


def format_of(path: Path, to: ExportFormat | str | None = None) -> ExportFormat:
    """Return the format of an export: the one asked for, else that of the ending; UsageError if they disagree."""
    by_ending = ENDINGS.get(path.suffix[1:].lower())
    if to is None and by_ending is None:
        what = f"no format has the ending {path.suffix}" if path.suffix else "it has no ending that says the format"
        raise UsageError(f"{path}: {what}", f"say which with `to`: {', '.join(ExportFormat)}")
    format = chosen(ExportFormat, by_ending if to is None else to, "to")  # type: ignore[arg-type]
    if by_ending is not None and format is not by_ending:
        raise UsageError(
            f"{path} ends in {path.suffix}, and `to` asks for {format}", "leave `to` out, or change the ending"
        )
    if by_ending in FOLDERS:
        files = " and ".join(FOLDERS[format][:2])
        raise UsageError(
            f"{path}: {format} is a folder with {files}", f"name a folder: `to` {format} `output` {path.stem}"
        )
    return format


def vector_table(run: Run, *, with_map: bool = True) -> VectorTable:
    """Return one vector per item, with what is known of the items; `with_map` adds coordinates and neighbours.

    The vector holds the members' factors side by side, divided by the square root of their number: a dot product and
    a squared distance are then the mean over the members, whose own coordinates have nothing in common. The members of
    an aligned run have the same coordinates: their mean is exported.
    """
    factors = run.array("item_factors")
    vectors = factors.mean(0) if _is_aligned(run) else side_by_side(factors) / np.sqrt(len(factors))
    return VectorTable(
        noun=run.data.noun,
        vectors=vectors.astype(np.float32),
        columns=dict(_known(_columns(run))),
        xy=_xy(run) if with_map else None,
        neighbours=_neighbours(run) if with_map else None,
    )


def _is_aligned(run: Run) -> bool:
    """Tell whether the coordinates are those of another run."""
    return run.training.aligned_to is not None


def _columns(run: Run) -> Mapping[str, Sequence[Any] | NDArray[Any] | None]:
    """Return what is known of the items, as `biases` and `map` write it to CSV."""
    items, stats = run.items, run.item_stats
    stars, bias = stars_and_bias(run)
    lower, upper = stars_interval(run.array("item_stars")) if run.n_draws else (None, None)
    return {
        "id": items.ids,
        "title": items.titles if items.titles != items.ids else None,
        "tags": ["|".join(tags) or None for tags in items.tags],
        "year": items.years,
        "n_ratings": stats.n_ratings if stats.is_known else None,
        "mean_rating": stats.mean_rating,
        "bias": bias,
        "stars": stars,
        "lower": lower,
        "upper": upper,
    }


def _known(columns: Mapping[str, Sequence[Any] | NDArray[Any] | None]) -> Iterator[tuple[str, list[Any]]]:
    """Yield the columns in which anything is known, with None for NaN."""
    for name, values in columns.items():
        listed = values.tolist() if isinstance(values, np.ndarray) else list(values or ())
        listed = [None if value != value else value for value in listed]
        if any(value is not None for value in listed):
            yield name, listed


def _xy(run: Run) -> Floats | None:
    """Return the coordinates (I, 2) on the components that `map` draws; None if there are fewer than two."""
    n = run.item_stats.n_ratings
    rows = most_rated(n) if run.item_stats.is_known else np.arange(len(n))
    try:
        xy, _ = ComponentFinder(run, rows, 2, Basis.PCA, Rotation.NONE).of_run()
    except UsageError:
        return None
    signs = [sign(scores, run.item_stats.mean_rating[rows]) for scores in xy[rows].T]
    return xy * signs


def _neighbours(run: Run) -> Neighbours | None:
    """Return the nearest of the items that a map has neighbours for; None if they are fewer than two."""
    n = run.item_stats.n_ratings
    rows = most_rated(n, MOST_WITH_NEIGHBOURS, LEAST_RATINGS if run.item_stats.is_known else 0)
    if len(rows) < 2:
        return None
    members = member_vectors(run, measure_of(run, None))
    positions, units = nearest(members, rows), unit_vectors(members, rows)
    cosines = np.array([(units * units[column]).sum(1) for column in positions.T]).T
    order = np.argsort(-cosines, axis=1, kind="stable")  # of many items `nearest` compares rounded cosines
    positions, cosines = (np.take_along_axis(found, order, axis=1) for found in (positions, cosines))
    return Neighbours(rows, rows[positions], (1 - cosines).clip(0))


def _arrays(run: Run) -> str:
    """Say what the formats of all arrays hold."""
    has_users = f" and {len(run.users):,} users" if "user_factors" in run.arrays else ""
    members, _, length = run.shape("item_factors")
    return f"{len(run.items):,} {run.data.noun}s{has_users}, {members} member{'s' * (members > 1)} x {length} factors"


def _notes_on_arrays(run: Run, format: ExportFormat) -> Iterator[str]:
    if format is ExportFormat.SAFETENSORS:
        yield licence(run)
        if "user_factors" in run.arrays:
            yield f"the files hold the ids and embeddings of {len(run.users):,} users, which may be personal data"


def _notes_on_vectors(run: Run, table: VectorTable, format: ExportFormat) -> Iterator[str]:
    members, _, length = run.shape("item_factors")
    noun, n = run.data.noun, run.item_stats.n_ratings
    if _is_aligned(run):
        yield f"a vector is the mean of {members} members, in the coordinates of {run.training.aligned_to}"
    elif members > 1:
        yield (
            f"a vector is {members} members x {length} factors side by side, divided by the square root of {members}: "
            "members are rotated against each other, and side by side they keep all distances"
        )
    if measure_of(run, None) is Measure.PREFERENCE:
        yield "cosines of the vectors are those of embedcli similar --by cosine, not of its default"
    if format is ExportFormat.PARQUET and table.neighbours is None:
        yield f"no neighbors: fewer than two {noun}s have {LEAST_RATINGS} ratings or more"
    if table.neighbours is not None:
        n_with = len(table.neighbours.rows)
        which = (
            f"the {n_with:,} most rated {noun}s, from {LEAST_RATINGS} ratings"
            if run.item_stats.is_known
            else f"the first {n_with:,}"
        )
        yield f"neighbors: of {'all' if n_with == len(n) else which}"
    if n_unrated := run.item_stats.n_unrated:
        yield f"{n_unrated:,} {noun}s have no training rating: their vectors are where the training started"
    if format is ExportFormat.WORD2VEC and (tokens := word2vec.tokens(table)) != table.columns["id"]:
        encoded = next(token for token in tokens if "%" in token)
        yield f"some ids hold blanks or codes: all are percent-encoded, as {encoded}; urllib.parse.unquote decodes them"
    if format is ExportFormat.PROJECTOR and (n_broken := sum(map(bool, map(LINE_BREAK.search, table.columns["id"])))):
        yield f"{n_broken:,} ids hold a tab or a line end: it is a blank in {projector.METADATA}"
