"""How a data set is described, and what is wrong with a file listed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from embedcli.analysis.record import Column, Row
from embedcli.data.describe import Bar, Description
from embedcli.data.problems import Problems
from embedcli.render.view import Block, View, name, text, whole

WIDEST = 40  # letters of a bar


def description_view(figures: Description) -> View:
    """Show the figures of a data set, and its distributions drawn."""
    about, noun = figures.data, figures.data.noun
    low, high = about.scale
    scale = 'none: implicit, a row means "did"' if about.implicit else f"{low:g} to {high:g}, mean {figures.mean:.2f}"
    what = "rows" if about.implicit else "ratings"
    facts = [
        (what, f"{figures.n_ratings:,}"),
        ("users", f"{figures.n_users:,}"),
        (f"{noun}s", f"{figures.n_items:,}" + _without(figures)),
        ("density", f"{100 * figures.density:.3g} % of all pairs"),
        ("scale", scale),
        ("time", "not known" if figures.first is None else f"{figures.first:%Y-%m-%d} to {figures.last:%Y-%m-%d}"),
        ("tags", f"{figures.n_tags:,} different" if figures.n_tags else "none"),
        ("bad rows", f"{figures.n_bad_rows:,}"),
        ("repeated", f"{figures.n_repeated:,} pairs of user and {noun} stand again"),
        ("source", about.source),
        ("sha256", about.sha256),
    ]
    blocks = [Block(lines=facts)]
    if not about.implicit:
        blocks.append(_drawn("Ratings", "rating", figures.histogram, "n"))
    blocks += [
        _drawn(f"Users by their number of {what}", what, figures.users_by_n, "users"),
        _drawn(f"{noun.capitalize()}s by their number of {what}", what, figures.items_by_n, f"{noun}s"),
        Block(
            heading=f"Quantiles of the number of {what}",
            lines=[
                (f"per {side}", "  ".join(f"{name} {quantile:,.0f}" for name, quantile in quantiles.items()))
                for side, quantiles in (("user", figures.per_user), (noun, figures.per_item))
            ],
        ),
    ]
    body = asdict(figures)
    body |= {key: getattr(figures, key).isoformat() if getattr(figures, key) else None for key in ("first", "last")}
    records = [
        {"distribution": name, **asdict(bar)}
        for name in ("histogram", "users_by_n", "items_by_n")
        for bar in getattr(figures, name)
    ]
    return View(title=f"{about.title} | {figures.n_ratings:,} {what}", blocks=blocks, records=records, body=body)


def _without(figures: Description) -> str:
    """Say how many items lack something."""
    lacking = (
        (figures.n_items_unrated, "without a rating"),
        (figures.n_items_untitled, "without a title"),
        (figures.n_items_untagged if figures.n_tags else 0, "without a tag"),
    )
    said = [f"{n:,} {what}" for n, what in lacking if n]
    return f" ({', '.join(said)})" if said else ""


def _drawn(heading: str, label: str, bars: Sequence[Bar], counted: str) -> Block:
    """Draw bars as long as their counts, the longest WIDEST letters."""
    most = max((bar.n for bar in bars), default=0) or 1
    rows: list[Row] = [
        {
            "label": f"{bar.low:g}" if bar.low == bar.high else f"{bar.low:.4g} to {bar.high:.4g}",
            "n": bar.n,
            "bar": "\u2588" * round(WIDEST * bar.n / most) or ("\u258f" if bar.n else ""),
        }
        for bar in bars
    ]
    return Block(heading, columns=[Column("label", label), whole("n", counted), name("bar", "")], rows=rows)


def problems_view(files: Iterable[Problems], where: str, n_ratings: int | None) -> View:
    """List every problem with its line, in the order of the file."""
    listed = [(file, problem) for file in files for problem in sorted(file.listed, key=lambda problem: problem.line)]
    n = sum(len(file) for file in files)
    records: list[dict[str, Any]] = [
        {"file": file.where, "line": problem.line, "problem": problem.kind, "value": problem.value}
        for file, problem in listed
    ]
    read = "" if n_ratings is None else f", {n_ratings:,} ratings can be read"
    columns = [whole("line", "line"), text("problem", "what is wrong"), text("value", "value")]
    captions = [] if len(listed) == n else [f"the first {len(listed):,} of {n:,} are listed"]
    return View(
        title=f"{where}: {f'{n:,} problem' + 's' * (n != 1) if n else 'no problem'}{read}",
        blocks=[Block(columns=columns, rows=records)] if records else [],
        captions=captions,
        records=records,
        body={"n_problems": n, "n_ratings": n_ratings, "problems": records},
    )
