"""What predictions are made of imported arrays, and whether they fit the ratings that came with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from embedcli.data.ratings import Ratings
from embedcli.data.read_options import Note
from embedcli.data.scale import y_range_for
from embedcli.errors import UsageError
from embedcli.run.importers.vectors import Vectors, refused
from embedcli.run.predictions import NAMES, Range, predict

SAMPLE = 100_000  # ratings that the vectors are checked against
CHANCE = 0.55  # share of rated pairs above pairs drawn at random, below which predictions do not know who rated what


def completed(vectors: Vectors, on_note: Note) -> Vectors:
    """Return vectors with all that a prediction takes: biases that are missing are 0, which is noted."""
    arrays = dict(vectors.arrays)
    missing = [name for name in NAMES if name not in arrays]
    for name in missing:
        n_members, n = (
            arrays[f"{name.split('_')[0]}_factors"].shape[:2]
            if name != "global_bias"
            else (len(arrays["item_factors"]), 0)
        )
        arrays[name] = np.zeros((n_members, n) if n else (n_members,), dtype=np.float32)
    if missing:
        on_note(f"note: no {', '.join(missing)} in {vectors.where}: 0")
    return replace(vectors, arrays=arrays)


def link_of(vectors: Vectors, train: Ratings, y_range: Range | None, on_note: Note) -> tuple[str, Range | None]:
    """Return how predictions are made: as given, as the file says, else as fits the ratings better, which is noted."""
    if y_range is not None:
        if not y_range[0] < y_range[1]:
            raise UsageError(f"`y_range` {y_range[0]:g} {y_range[1]:g} is empty", "give the lower end first: 0 5.5")
        return "sigmoid", y_range
    if vectors.link is not None:
        return vectors.link, vectors.y_range
    if "user_factors" not in vectors.arrays:
        return "identity", None
    if _has_biases(vectors) and len(train) and not train.data.implicit:
        wide = y_range_for(train.data, train.value)
        plain, squeezed = _rmse(vectors, train, None), _rmse(vectors, train, wide)
        found = wide if squeezed < plain else None
        what = f"a sigmoid from {wide[0]:g} to {wide[1]:g}" if found else "no sigmoid"
        on_note(
            f"note: no y_range in {vectors.where}: {what} fits the ratings better (RMSE {min(plain, squeezed):.3f} "
            f"against {max(plain, squeezed):.3f}); `y_range` gives another"
        )
        return ("sigmoid", wide) if found else ("identity", None)
    on_note(f"note: no y_range in {vectors.where}: predictions without a sigmoid; `y_range` gives one, such as 0 5.5")
    return "identity", None


def _sample(train: Ratings) -> Ratings:
    return train.take(np.linspace(0, len(train) - 1, min(len(train), SAMPLE)).astype(np.int64))


def _predicted(
    vectors: Vectors, user: NDArray[np.int32], item: NDArray[np.int32], y_range: Range | None
) -> NDArray[np.float64]:
    """Return the predictions (n,) of the members averaged."""
    mean: NDArray[np.float64] = predict(vectors.arrays, user, item, y_range).mean(0, dtype=np.float64)
    return mean


def _rmse(vectors: Vectors, train: Ratings, y_range: Range | None) -> float:
    some = _sample(train)
    clipped = np.clip(_predicted(vectors, some.user, some.item, y_range), *some.data.scale)
    return float(np.sqrt(np.mean((clipped - some.value) ** 2)))


def checked(vectors: Vectors, train: Ratings, y_range: Range | None, on_note: Note, *, is_guess: bool) -> Ratings:
    """Return the ratings with their scale; say how well the vectors fit, DataError if rows were guessed and do not.

    Ratings that the vectors were trained on are no test, but rows of other ids would show.
    """
    if not len(train):
        return replace(train, data=replace(train.data, scale=y_range or _scale(vectors, train, on_note)))
    said, fits = _fit(vectors, train, y_range)
    on_note(f"the predictions on these ratings, which are not a test: {said}")
    if not fits and is_guess:
        raise refused(
            vectors.where,
            f"the vectors do not fit the ratings ({said}): the rows may belong to other ids",
            "save the ids with the vectors, such as item_ids and user_ids in a .npz",
        )
    if not fits:
        on_note("note: that is not better than chance: the ratings may be of others, or `y_range` another")
    return train


def _scale(vectors: Vectors, train: Ratings, on_note: Note) -> Range:
    """Return whole numbers around the predictions of some pairs, drawn at random, for a scale; it is noted."""
    rng, n = np.random.default_rng(0), min(SAMPLE, len(train.users) * len(train.items))
    user, item = (rng.integers(len(table), size=n).astype(np.int32) for table in (train.users, train.items))
    predicted = _predicted(vectors, user, item, None)
    low, high = float(np.floor(predicted.min())), float(np.ceil(predicted.max()))
    on_note(f"note: the scale of the ratings is unknown: {low:g} to {high:g} is taken, as the predictions are")
    return low, max(high, low + 1)


def _fit(vectors: Vectors, train: Ratings, y_range: Range | None) -> tuple[str, bool]:
    """Return how well the predictions fit the ratings, in words, and whether they do better than chance."""
    if _has_biases(vectors) and not train.data.implicit:
        reached, mean = _rmse(vectors, train, y_range), float(np.std(_sample(train).value, dtype=np.float64))
        return f"RMSE {reached:.3f}, of their mean {mean:.3f}", reached < mean
    some = _sample(train)
    others = np.random.default_rng(0).permutation(some.item)
    own, of_others = (_predicted(vectors, some.user, items, y_range) for items in (some.item, others))
    share = float(np.mean(own > of_others) + np.mean(own == of_others) / 2)
    return f"a rated pair is above one drawn at random in {share:.0%}", share > CHANCE


def _has_biases(vectors: Vectors) -> bool:
    """Tell whether a prediction is more than a product of factors, as of ratings, not of who rated what."""
    return any(np.any(vectors.arrays[name]) for name in ("global_bias", "item_bias", "user_bias"))
