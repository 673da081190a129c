"""NumPy's .npz: the arrays of a model with the ids of its rows; `numpy.load` reads it without pickle."""

import io

import numpy as np

from embedcli.data.text import shorten
from embedcli.run.exporters.arrays import arrays, labels
from embedcli.run.record import Run

LONGEST_TITLE = 1000  # letters: NumPy gives every title the room of the longest


def content(run: Run) -> bytes:
    """Return the file. Longer titles than LONGEST_TITLE are cut."""
    known = labels(run)
    if "titles" in known:
        known["titles"] = [shorten(title, LONGEST_TITLE) for title in known["titles"]]
    file, named = io.BytesIO(), {name: np.array(value) for name, value in known.items()}
    np.savez(file, **arrays(run), **named)  # type: ignore[arg-type]  # an array is taken for `allow_pickle`
    return file.getvalue()
