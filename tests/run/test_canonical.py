"""The canonical form, and stars."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from embedcli.run import canonical as canonical_module
from embedcli.run.canonical import canonical, trained_stars

M, U, N, K = 2, 60, 40, 4
Arrays = dict[str, NDArray[np.float32]]


@pytest.fixture
def arrays() -> Arrays:
    """Return a model whose factors are far from centred."""
    rng = np.random.default_rng(0)
    shapes = {"user_factors": (M, U, K), "item_factors": (M, N, K), "user_bias": (M, U), "item_bias": (M, N)}
    made = {name: (0.4 + rng.normal(0, 0.5, shape)).astype(np.float32) for name, shape in shapes.items()}
    return made | {"global_bias": np.array([0.3, -0.2], np.float32)}


def logits(arrays: Arrays) -> NDArray[np.float64]:
    """Return every member's logit of every user and item, (M, U, N)."""
    a = {name: array.astype(np.float64) for name, array in arrays.items()}
    dots = a["user_factors"] @ a["item_factors"].transpose(0, 2, 1)
    return a["global_bias"][:, None, None] + a["user_bias"][:, :, None] + a["item_bias"][:, None] + dots


def test_predictions_stay(arrays: Arrays) -> None:
    """The canonical form predicts what the model predicted, to 1e-5, also for rows without ratings."""
    rated_users, rated_items = np.arange(U) % 3 > 0, np.arange(N) % 4 > 0
    found = canonical(arrays, rated_users, rated_items)
    np.testing.assert_allclose(logits(found), logits(arrays), atol=1e-5)


def test_form_is_centred_over_what_has_ratings(arrays: Arrays) -> None:
    """Factors and biases have mean zero over the rows with ratings."""
    rated_users, rated_items = np.arange(U) % 3 > 0, np.arange(N) % 4 > 0
    found = canonical(arrays, rated_users, rated_items)
    for name, rated in (("user_factors", rated_users), ("item_factors", rated_items)):
        np.testing.assert_allclose(found[name][:, rated].mean(1), 0, atol=1e-6)
    for name, rated in (("user_bias", rated_users), ("item_bias", rated_items)):
        np.testing.assert_allclose(found[name][:, rated].mean(1), 0, atol=1e-6)


def test_gauge_does_not_matter(arrays: Arrays) -> None:
    """Two models that differ by a constant moved from the factors to the biases have one canonical form."""
    shift = np.full(K, 0.7, np.float32)
    moved = arrays | {
        "user_factors": arrays["user_factors"] + shift,
        "item_bias": arrays["item_bias"] - arrays["item_factors"] @ shift,
    }
    everybody, everything = np.ones(U, bool), np.ones(N, bool)
    one, other = (canonical(a, everybody, everything) for a in (arrays, moved))
    np.testing.assert_allclose(one["item_bias"], other["item_bias"], atol=1e-5)


@pytest.mark.parametrize(("link", "most_pairs"), [("sigmoid", U * N), ("sigmoid", 0), ("identity", 0)])
def test_stars_are_the_mean_over_users(
    arrays: Arrays, link: str, most_pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stars are the mean prediction over the users with ratings, exactly; of too many pairs nearly, by quadrature."""
    rated = np.arange(U) % 3 > 0
    monkeypatch.setattr(canonical_module, "MOST_PAIRS", most_pairs)
    monkeypatch.setattr(canonical_module, "TOGETHER", 7)
    found = trained_stars(arrays, rated, (0, 5.5) if link == "sigmoid" else None)
    brute = logits(arrays)[:, rated]
    brute = 5.5 / (1 + np.exp(-brute)) if link == "sigmoid" else brute
    np.testing.assert_allclose(found, brute.mean(1), atol=1e-5 if most_pairs or link == "identity" else 0.03)


def test_one_member_at_a_time_is_in_float64() -> None:
    """The canonical form and the stars of many members take no more further memory than those of one."""
    rng, peaks = np.random.default_rng(0), []
    everyone = np.ones(3_000, dtype=bool)
    for n_members in (1, 8):
        sizes = {"user_factors": (3_000, 50), "item_factors": (3_000, 50), "user_bias": (3_000,), "item_bias": (3_000,)}
        arrays = {name: rng.normal(size=(n_members, *size)).astype(np.float32) for name, size in sizes.items()}
        arrays["global_bias"] = np.zeros(n_members, np.float32)
        tracemalloc.start()
        centred = canonical(arrays, everyone, everyone)
        trained_stars(centred, everyone, None)
        peaks.append(tracemalloc.get_traced_memory()[1] - sum(array.nbytes for array in centred.values()))
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
