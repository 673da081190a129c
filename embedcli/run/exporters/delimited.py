"""CSV: what is known of each item, then its numbers, as `factor_1`, `factor_2` and so on."""

from embedcli.data.text import separated_lines
from embedcli.run.exporters.table import VectorTable, number_lines


def content(table: VectorTable) -> bytes:
    """Return the file."""
    numbers = [f"factor_{number}" for number in range(1, table.vectors.shape[1] + 1)]
    header = [",".join([*table.columns, *numbers])]
    known = separated_lines(zip(*table.columns.values(), strict=True))
    lines = map(",".join, zip(known, number_lines(table.vectors, ","), strict=True))
    return "\n".join([*header, *lines, ""]).encode()
