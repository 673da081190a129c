"""How a data set is described, and what is wrong with a file listed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from embedcli.analysis.record import Column, nested
from embedcli.data.describe import Bar, Description
from embedcli.data.problems import Problems
from embedcli.render.view import Block, View

WIDEST = 40  # letters of a bar
PROBLEMS = (
    Column("line", "line", "{:,}".format),
    Column("problem", "what is wrong", is_number=False),
    Column("value", "value", is_number=False),
)


def description_view(description: Description) -> View:
    """Show the figures of a data set, and its distributions drawn."""
    about, noun = description.data, description.data.noun
    what = "rows" if about.implicit else "ratings"
    histograms = [
        (f"Users by their number of {what}", what, description.users_by_n, "users"),
        (f"{noun.capitalize()}s by their number of {what}", what, description.items_by_n, f"{noun}s"),
    ]
    if not about.implicit:
        histograms.insert(0, ("Ratings", "rating", description.histogram, "n"))
    quantiles = [
        (f"per {side}", "  ".join(f"{name} {quantile:,.0f}" for name, quantile in of_side.items()))
        for side, of_side in (("user", description.per_user), (noun, description.per_item))
    ]
    return View(
        title=f"{about.title} | {description.n_ratings:,} {what}",
        blocks=[
            Block(lines=_facts(description, what)),
            *(_drawn(*histogram) for histogram in histograms),
            Block(f"Quantiles of the number of {what}", quantiles),
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
    counts = (
        (description.n_items_unrated, "without a rating"),
        (description.n_items_untitled, "without a title"),
        (description.n_items_untagged if description.n_tags else 0, "without a tag"),
    )
    missing = [f"{n:,} {what}" for n, what in counts if n]
    return f" ({', '.join(missing)})" if missing else ""


def _drawn(heading: str, label: str, bars: Sequence[Bar], counted: str) -> Block:
    """Draw bars as long as their counts, the longest WIDEST letters."""
    most = max((bar.n for bar in bars), default=0) or 1
    rows = [
        {
            "label": f"{bar.low:g}" if bar.low == bar.high else f"{bar.low:.4g} to {bar.high:.4g}",
            "n": bar.n,
            "bar": "\u2588" * round(WIDEST * bar.n / most) or ("\u258f" if bar.n else ""),
        }
        for bar in bars
    ]
    columns = (
        Column("label", label),
        Column("n", counted, "{:,}".format),
        Column("bar", "", is_number=False, is_name=True),
    )
    return Block(heading, columns=columns, rows=rows)


def problems_view(files: Iterable[Problems], where: str, n_ratings: int | None) -> View:
    """List every problem with its line, in the order of the file."""
    rows = [
        {"file": file.where, "line": problem.line, "problem": problem.kind, "value": problem.value}
        for file in files
        for problem in sorted(file.listed, key=lambda problem: problem.line)
    ]
    n = sum(len(file) for file in files)
    read = "" if n_ratings is None else f", {n_ratings:,} ratings can be read"
    return View(
        title=f"{where}: {f'{n:,} problem' + 's' * (n != 1) if n else 'no problem'}{read}",
        blocks=[Block(columns=PROBLEMS, rows=rows)],
        caption="" if len(rows) == n else f"the first {len(rows):,} of {n:,} are listed",
        records=rows,
        body={"n_problems": n, "n_ratings": n_ratings, "problems": rows},
    )
