"""The files of TensorBoard's embedding projector, which also opens them at projector.tensorflow.org."""

import json
from typing import Any

from embedcli.run.exporters.table import VectorTable, number_lines, on_one_line

VECTORS, METADATA, CONFIG = NAMES = ("vectors.tsv", "metadata.tsv", "projector_config.pbtxt")
DIGITS = 3  # of a number beside a point


def contents(table: VectorTable) -> dict[str, bytes]:
    """Return the files by name. The projector knows no quotes: a tab or a line end in a title becomes a blank."""
    columns = {name: list(map(_cell, values)) for name, values in _title_first(table).items()}
    lines = list(map("\t".join, zip(*columns.values(), strict=True)))
    if len(columns) > 1:  # the projector takes a single column for labels without a header
        lines.insert(0, "\t".join(columns))
    config = {"tensor_name": f"{table.noun}s", "tensor_path": VECTORS, "metadata_path": METADATA}
    fields = "".join(f"  {name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in config.items())
    return {
        VECTORS: "\n".join([*number_lines(table.vectors, "\t"), ""]).encode(),
        METADATA: "\n".join([*lines, ""]).encode(),
        CONFIG: f"embeddings {{\n{fields}}}\n".encode(),
    }


def _title_first(table: VectorTable) -> dict[str, Any]:
    """Return the columns with the title first, which the projector takes for the labels."""
    return {name: table.columns[name] for name in ("title", *table.columns) if name in table.columns}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return str(round(value, DIGITS)) if isinstance(value, float) else on_one_line(str(value))
