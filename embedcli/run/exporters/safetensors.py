"""safetensors with a model card: a folder that can be uploaded to the Hugging Face hub."""

import json
from typing import Any

from embedcli.run import files
from embedcli.run.exporters.arrays import arrays, labels
from embedcli.run.exporters.card import card
from embedcli.run.record import Run

MODEL, CARD = NAMES = ("model.safetensors", "README.md")


def contents(run: Run) -> dict[str, bytes]:
    """Return the files by name. The header of the model says what its rows are, and how to predict, as JSON texts."""
    metadata = {name: _json(value) for name, value in labels(run).items()}
    return {MODEL: b"".join(files.safetensors(arrays(run), metadata)), CARD: card(run).encode()}


def _json(value: str | list[Any]) -> str:
    """Return a JSON text, in which null stands for NaN."""
    known = [None if one != one else one for one in value] if isinstance(value, list) else value
    return json.dumps(known, ensure_ascii=False)
