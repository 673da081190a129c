"""What Python shows of an object: a few lines of text, or in a notebook the same as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any

from embedcli.terminal import plain

WIDTH = 110  # letters of a line of text
FIRST_ROWS = 10
LONGEST = 60  # letters of a text in a row
LEFT, RIGHT = "text-align: left", "text-align: right"  # no colors: a notebook may be light or dark


@dataclass(frozen=True)
class Card:
    """A title, (label, text) lines, and the first of `n_rows` rows by column; `more` says how to get the others."""

    title: str
    lines: Sequence[tuple[str, str]] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    n_rows: int = 0
    more: str = ""

    def text(self) -> str:
        """Return the card as text; columns without room are named below the rows."""
        lines = [plain(self.title), *(f"  {plain(label)}: {plain(text)}" for label, text in self.lines)]
        columns = [[key, *(written(row[key]) for row in self.rows)] for key in (self.rows[0] if self.rows else ())]
        widths = [max(map(len, column)) + 2 for column in columns]
        n_shown = next((j for j in range(len(widths), 0, -1) if sum(widths[:j]) <= WIDTH), min(len(widths), 1))
        is_number = [_is_number([row[column[0]] for row in self.rows]) for column in columns]
        for cells in zip(*columns[:n_shown], strict=True):
            padded = zip(cells, widths[:n_shown], is_number[:n_shown], strict=True)
            lines.append(
                "".join(cell.rjust(width) if right else "  " + cell.ljust(width - 2) for cell, width, right in padded)
            )
        left_out = ", ".join(column[0] for column in columns[n_shown:])
        lines += [f"  and the columns {left_out}"] if left_out else []
        return "\n".join(line.rstrip() for line in (*lines, *self._more()))

    def html(self) -> str:
        """Return the card as HTML: escaped, without scripts, in the colors of the page."""
        parts = [f"<div><strong>{_escaped(self.title)}</strong></div>"]
        if self.lines:
            parts.append(_table(f"<tr>{_cell('th', label)}{_cell('td', text)}</tr>" for label, text in self.lines))
        if self.rows:
            styles = {key: RIGHT if _is_number([row[key] for row in self.rows]) else LEFT for key in self.rows[0]}
            header = "".join(_cell("th", key, style) for key, style in styles.items())
            rows = (
                "".join(_cell("td", written(row[key]), style) for key, style in styles.items()) for row in self.rows
            )
            parts.append(_table(f"<tr>{row}</tr>" for row in (header, *rows)))
        return "".join((*parts, *(f"<div>{_escaped(line.strip())}</div>" for line in self._more())))

    def _more(self) -> list[str]:
        n, shown = self.n_rows - len(self.rows), bool(self.rows)
        return [f"  {'and ' * shown}{n:,} {'more ' * shown}rows: {self.more}"] if n > 0 else []


class Shown:
    """An object that Python shows by its card; a dataclass that inherits from it gets no other `repr`."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__repr__" not in vars(cls):
            cls.__repr__ = Shown.__repr__  # type: ignore[method-assign]  # else a dataclass makes one of its own

    def __repr__(self) -> str:
        return self._card().text()

    def _repr_html_(self) -> str | None:
        card = self._card()
        return card.html() if card.lines or card.rows else None  # a notebook then shows the text

    def _card(self) -> Card:
        """Return what is shown: the fields, each in short."""
        return Card(f"{type(self).__name__.lstrip('_')}({', '.join(_fields(self))})")


def _fields(record: Any) -> list[str]:
    """Return the fields of a dataclass that are not their defaults, each in short."""
    texts = {spec: brief(getattr(record, spec.name)) for spec in fields(record)}
    return [f"{spec.name}={text}" for spec, text in texts.items() if text != brief(spec.default)]


def brief(value: Any) -> str:
    """Describe a value in short: an array by its shape, a long tuple by its length and first entry."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"<{value.dtype} {tuple(value.shape)}>" if value.shape else repr(value.item())
    if isinstance(value, tuple | list) and value and is_dataclass(value[0]):
        return f"<{len(value)} {type(value[0]).__name__}>"
    if is_dataclass(value) and not isinstance(value, Shown):
        return f"{type(value).__name__}(...)"
    if isinstance(value, tuple | list) and len(value) > 5:
        return f"<{len(value):,}: {brief(value[0])}, ...>"
    if isinstance(value, Mapping):
        return f"<{len(value)}: {', '.join(map(str, value))}>" if value else "{}"
    return repr(value.value if isinstance(value, Enum) else value)


def written(value: Any) -> str:
    """Write a value of a row in short: numbers with three digits, a missing one as nothing."""
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return f"{value:#.3g}" if abs(value) < 100 else f"{value:.1f}"
    text = plain(str(value.value if isinstance(value, Enum) else value))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _is_number(values: Sequence[Any]) -> bool:
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)


def _escaped(text: str) -> str:
    from html import escape  # not at the top: every command imports this module

    return escape(plain(text))


def _cell(tag: str, text: str, style: str = LEFT) -> str:
    return f'<{tag} style="{style}">{_escaped(text)}</{tag}>'


def _table(rows: Any) -> str:
    return f'<table class="dataframe">{"".join(rows)}</table>'
