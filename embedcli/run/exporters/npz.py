"""NumPy's .npz: the arrays of a model with the ids of its rows; `np.load` reads it without pickle."""

import io
from typing import Any

import numpy as np

from embedcli.data.text import shorten
from embedcli.run.predictions import NAMES
from embedcli.run.record import Run

LONGEST_TITLE = 1000  # letters: NumPy gives every title the room of the longest


def content(run: Run) -> bytes:
    """Return the file: what the members are made of, `item_ids`, `user_ids`, `titles`, `link` and `y_range`."""
    arrays: dict[str, Any] = {name: run.array(name) for name in NAMES if name in run.arrays}
    arrays |= {name: np.array(value) for name, value in labels(run).items()}
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def labels(run: Run) -> dict[str, object]:
    """Return what the rows of the arrays are, and how predictions are made of them."""
    found: dict[str, object] = {"item_ids": list(run.items.ids)}
    if run.items.titles != run.items.ids:
        found["titles"] = [shorten(title, LONGEST_TITLE) for title in run.items.titles]
    if "user_factors" in run.arrays or "user_bias" in run.arrays:
        found |= {"user_ids": list(run.users.ids), "link": run.link}
        if run.sigmoid_range is not None:
            found["y_range"] = list(run.sigmoid_range)
    return found
