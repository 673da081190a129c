"""safetensors with a model card: a folder that can be uploaded to the Hugging Face hub."""

import json

from embedcli.run import files
from embedcli.run.exporters.card import card
from embedcli.run.exporters.npz import labels
from embedcli.run.predictions import NAMES as ARRAYS
from embedcli.run.record import Run

MODEL, CARD = NAMES = ("model.safetensors", "README.md")


def contents(run: Run) -> dict[str, bytes]:
    """Return the files by name. The header of the model holds the ids and how to predict, each as a JSON text."""
    arrays = {name: run.array(name) for name in ARRAYS if name in run.arrays}
    metadata = {name: json.dumps(value, ensure_ascii=False) for name, value in labels(run).items()}
    return {MODEL: b"".join(files.safetensors(arrays, metadata)), CARD: card(run).encode()}
