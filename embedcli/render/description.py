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


def description_view(found: Description) -> View:
    """Show the figures of a data set, and its distributions drawn."""
    about, noun = found.data, found.data.noun
    low, high = about.scale
    scale = 'none: implicit, a row means "did"' if about.implicit else f"{low:g} to {high:g}, mean {found.mean:.2f}"
    what = "rows" if about.implicit else "ratings"
    facts = [
        (what, f"{found.n_ratings:,}"),
        ("users", f"{found.n_users:,}"),
        (f"{noun}s", f"{found.n_items:,}" + _without(found)),
        ("density", f"{100 * found.density:.3g} % of all pairs"),
        ("scale", scale),
        ("time", "not known" if found.first is None else f"{found.first:%Y-%m-%d} to {found.last:%Y-%m-%d}"),
        ("tags", f"{found.n_tags:,} different" if found.n_tags else "none"),
        ("bad rows", f"{found.n_bad_rows:,}"),
        ("repeated", f"{found.n_repeated:,} pairs of user and {noun} stand again"),
        ("source", about.source),
        ("sha256", about.sha256),
    ]
    blocks = [Block(lines=facts)]
    if not about.implicit:
        blocks.append(_drawn("Ratings", "rating", found.histogram, "n"))
    blocks += [
        _drawn(f"Users by their number of {what}", what, found.users_by_n, "users"),
        _drawn(f"{noun.capitalize()}s by their number of {what}", what, found.items_by_n, f"{noun}s"),
        Block(
            heading=f"Quantiles of the number of {what}",
            lines=[
                (f"per {side}", "  ".join(f"{name} {quantile:,.0f}" for name, quantile in quantiles.items()))
                for side, quantiles in (("user", found.per_user), (noun, found.per_item))
            ],
        ),
    ]
    body = asdict(found)
    body |= {key: getattr(found, key).isoformat() if getattr(found, key) else None for key in ("first", "last")}
    records = [
        {"distribution": name, **asdict(bar)}
        for name in ("histogram", "users_by_n", "items_by_n")
        for bar in getattr(found, name)
    ]
    return View(title=f"{about.title} | {found.n_ratings:,} {what}", blocks=blocks, records=records, body=body)


def _without(found: Description) -> str:
    """Say how many items lack something."""
    lacking = (
        (found.n_items_unrated, "without a rating"),
        (found.n_items_untitled, "without a title"),
        (found.n_items_untagged if found.n_tags else 0, "without a tag"),
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
    found = [(file, problem) for file in files for problem in sorted(file.listed, key=lambda one: one.line)]
    n = sum(len(file) for file in files)
    records: list[dict[str, Any]] = [
        {"file": file.where, "line": problem.line, "problem": problem.kind, "value": problem.value}
        for file, problem in found
    ]
    read = "" if n_ratings is None else f", {n_ratings:,} ratings can be read"
    columns = [whole("line", "line"), text("problem", "what is wrong"), text("value", "value")]
    captions = [] if len(found) == n else [f"the first {len(found):,} of {n:,} are listed"]
    return View(
        title=f"{where}: {f'{n:,} problem' + 's' * (n != 1) if n else 'no problem'}{read}",
        blocks=[Block(columns=columns, rows=records)] if records else [],
        captions=captions,
        records=records,
        body={"n_problems": n, "n_ratings": n_ratings, "problems": records},
    )
