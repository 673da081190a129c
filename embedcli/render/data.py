"""How data sets are shown: those known by name, the description of one, and the problems of a file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

from embedcli.analysis.record import Column, name, nested, text
from embedcli.data.catalog import CatalogEntry
from embedcli.data.describe import Bar, Description
from embedcli.data.problems import Problems
from embedcli.render.bars import counts
from embedcli.render.view import Block, View, table

PROBLEMS = (
    Column("line", "line", "{:,}".format),
    Column("problem", "what is wrong", is_number=False),
    Column("value", "value", is_number=False),
)


@dataclass(frozen=True)
class KnownDataSet:
    """A data set known by name; `cached` is the path of its file in the cache."""

    name: Annotated[str, name("name")]
    title: str
    about: Annotated[str, text("content")]
    cached: Annotated[str | None, text("cached")]


def catalog_view(entries: Sequence[tuple[CatalogEntry, Path | None]]) -> View:
    """List (data set, its cached file or None) pairs."""
    rows = [
        KnownDataSet(entry.name, entry.title, entry.summary, None if path is None else str(path))
        for entry, path in entries
    ]
    shown = [replace(row, cached="yes" if row.cached else "no") for row in rows]
    return View("data sets known by name", [table(shown, KnownDataSet)], nested(rows), {"data_sets": nested(rows)})


def description_view(description: Description) -> View:
    """Show the figures of a data set, and its distributions drawn."""
    about, noun = description.data, description.data.noun
    what = "rows" if about.implicit else "ratings"
    sides = (("user", description.per_user), (noun, description.per_item))
    quantiles = [{"of": f"per {side}", **of_side} for side, of_side in sides]
    columns = [Column("of", "", is_number=False)]
    columns += [Column(name, name, "{:,.0f}".format) for name in description.per_user]
    return View(
        title=f"{about.title} | {description.n_ratings:,} {what}",
        blocks=[
            Block(lines=_facts(description, what)),
            *([] if about.implicit else [_drawn("Ratings", "rating", description.histogram, "n")]),
            _drawn(f"Users by their number of {what}", what, description.users_by_n, "users"),
            _drawn(f"{noun.capitalize()}s by their number of {what}", what, description.items_by_n, f"{noun}s"),
            Block(f"Quantiles of the number of {what}", columns=columns, rows=quantiles),
        ],
        records=[
            {"distribution": name, **vars(bar)}
            for name in ("histogram", "users_by_n", "items_by_n")
            for bar in getattr(description, name)
        ],
        body=nested(description),
    )


def _facts(description: Description, what: str) -> list[tuple[str, str]]:
    """Return the figures of a data set by name."""
    about, noun, (low, high) = description.data, description.data.noun, description.data.scale
    first, last = description.first, description.last
    scale = f"{low:g} to {high:g}, mean {description.mean:.2f}"
    return [
        (what, f"{description.n_ratings:,}"),
        ("users", f"{description.n_users:,}"),
        (f"{noun}s", f"{description.n_items:,}" + _missing(description)),
        ("density", f"{100 * description.density:.3g} % of all pairs"),
        ("scale", 'none: implicit, a row means "did"' if about.implicit else scale),
        ("time", "not known" if first is None else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"),
        ("tags", f"{description.n_tags:,} different" if description.n_tags else "none"),
        ("bad rows", f"{description.n_bad_rows:,}"),
        ("repeated", f"{description.n_repeated:,} duplicate pairs of user and {noun}"),
        ("source", about.source),
        ("sha256", about.sha256),
    ]


def _missing(description: Description) -> str:
    """Say how many items lack something."""
    counts = {
        "rating": description.n_items_unrated,
        "title": description.n_items_untitled,
        "tag": description.n_items_untagged if description.n_tags else 0,
    }
    missing = [f"{n:,} without a {what}" for what, n in counts.items() if n]
    return f" ({', '.join(missing)})" if missing else ""


def _drawn(heading: str, label: str, bars: Sequence[Bar], counted: str) -> Block:
    """Draw bars as long as their counts."""
    rows = [
        {
            "label": f"{bar.low:g}" if bar.low == bar.high else f"{bar.low:.4g} to {bar.high:.4g}",
            "n": bar.n,
        }
        for bar in bars
    ]
    columns = [Column("label", label), Column("n", counted, "{:,}".format)]
    return Block(heading, columns=columns, rows=rows, bars=partial(counts, "n"))


def problems_view(files: Sequence[Problems], where: str, n_ratings: int) -> View:
    """List every problem with its line, in the order of the file."""
    rows = [
        {"file": file.where, "line": problem.line, "problem": problem.kind, "value": problem.value}
        for file in files
        for problem in sorted(file.listed, key=lambda problem: problem.line)
    ]
    n = sum(map(len, files))
    counted = f"{n:,} problem{'' if n == 1 else 's'}" if n else "no problem"
    return View(
        title=f"{where}: {counted}, {n_ratings:,} ratings can be read",
        blocks=[Block(columns=PROBLEMS, rows=rows)],
        caption="" if len(rows) == n else f"the first {len(rows):,} of {n:,} are listed",
        records=rows,
        body={"n_problems": n, "n_ratings": n_ratings, "problems": rows},
    )
