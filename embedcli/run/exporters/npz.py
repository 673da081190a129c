"""NumPy's .npz: the arrays of a model with the ids of its rows; `numpy.load` reads it without pickle."""

import io

import numpy as np

from embedcli.run.exporters.arrays import arrays, labels
from embedcli.run.record import Run


def content(run: Run) -> bytes:
    """Return the file."""
    file, named = io.BytesIO(), {name: np.array(value) for name, value in labels(run).items()}
    np.savez(file, **arrays(run), **named)  # type: ignore[arg-type]  # an array is taken for `allow_pickle`
    return file.getvalue()
