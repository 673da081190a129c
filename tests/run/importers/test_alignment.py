"""Which row is which user or item is known, found by a rule that is said and checked, or asked for: never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import embedcli
from embedcli.errors import DataError

N_USERS, N_ITEMS, K = 40, 30, 3
RNG = np.random.default_rng(1)
USERS, ITEMS = (RNG.normal(size=(n, K)).astype(np.float32) for n in (N_USERS, N_ITEMS))
ITEM_BIAS = RNG.normal(size=N_ITEMS).astype(np.float32)
LOGITS = USERS @ ITEMS.T + ITEM_BIAS
STARS = np.clip(np.rint(5.5 / (1 + np.exp(-LOGITS))), 1, 5)
SAMPLED = np.random.default_rng(2).random(STARS.shape) < 0.7
SAMPLED[0, 0] = SAMPLED[-1, -1] = True


def _ratings(folder: Path, user_ids: Sequence[str], item_ids: Sequence[str]) -> Path:
    path = folder / "ratings.csv"
    rows = [f"{user_ids[u]},{item_ids[i]},{STARS[u, i]:g}" for u, i in np.argwhere(SAMPLED)]
    path.write_text("\n".join(["userId,movieId,rating", *rows]) + "\n")
    return path


def _numbers(n: int, first: int = 0) -> list[str]:
    return [str(number) for number in range(first, first + n)]


def _arrays(folder: Path, users: NDArray[np.float32] = USERS, items: NDArray[np.float32] = ITEMS) -> Path:
    path = folder / "model.npz"
    np.savez(path, user_factors=users, item_factors=items, item_bias=ITEM_BIAS)
    return path


def _fastai(folder: Path) -> Path:
    """Write a state_dict of fastai, whose tables begin with a row for unknown ids."""
    path = folder / "model.pth"
    of_users, of_items = (np.concatenate([np.full((1, K), 9, np.float32), rows]) for rows in (USERS, ITEMS))
    biases = np.zeros((N_USERS + 1, 1), np.float32), np.concatenate([[9], ITEM_BIAS]).astype(np.float32)[:, None]
    tensors = zip(("u_weight", "i_weight", "u_bias", "i_bias"), (of_users, of_items, *biases), strict=True)
    torch.save({f"{name}.weight": torch.tensor(array) for name, array in tensors}, path)
    return path


def test_ids_from_0_are_row_numbers(tmp_path: Path) -> None:
    """Ids of the ratings that begin at 0 are row numbers if the file has no ids: it is said, and ratings confirm it."""
    notes = list[str]()
    ratings = _ratings(tmp_path, _numbers(N_USERS), _numbers(N_ITEMS))
    run = embedcli.import_run(_arrays(tmp_path), ratings=ratings, on_note=notes.append)
    assert run.items.ids[:3] == ("0", "1", "2")
    assert run.item_stats.n_ratings.tolist() == SAMPLED.sum(0).tolist()
    assert sum("row numbers" in note for note in notes) == 2
    assert any("a sigmoid from 0 to 5.5 fits the ratings better" in note for note in notes)
    assert any("not a test: RMSE" in note for note in notes)
    assert run.y_range == (0, 5.5)


def test_ids_from_1_are_refused(tmp_path: Path) -> None:
    """Ids that begin at 1 may be rows counted from 1, or rows of which the first is for unknown ids: the error asks."""
    ratings = _ratings(tmp_path, _numbers(N_USERS, 1), _numbers(N_ITEMS, 1))
    with pytest.raises(DataError, match="nothing says which of the 30 items a row is") as error:
        embedcli.import_run(_arrays(tmp_path), ratings=ratings)
    assert "`items`" in error.value.hint


def test_rows_that_do_not_fit_the_ratings_are_refused(tmp_path: Path) -> None:
    """If rows taken by number predict worse than the mean rating, they belong to other ids, and the import ends."""
    ratings = _ratings(tmp_path, _numbers(N_USERS), _numbers(N_ITEMS))
    shuffled = np.roll(ITEMS, 1, axis=0) * 3
    with pytest.raises(DataError, match="do not fit the ratings"):
        embedcli.import_run(_arrays(tmp_path, items=shuffled), ratings=ratings)


def test_items_in_order_need_a_row_each(tmp_path: Path) -> None:
    """A table names the rows in its order, with or without a header, if it has as many rows as there are vectors."""
    np.save(tmp_path / "items.npy", ITEMS)
    names = [f"Film {number}" for number in range(N_ITEMS)]
    for text in ("title", ""):
        table = tmp_path / "films.txt"
        table.write_text("\n".join([*([text] if text else []), *names]) + "\n")
        run = embedcli.import_run(tmp_path / "items.npy", items=table)
        assert run.items.ids == tuple(names)
    table.write_text("\n".join(names[:-2]) + "\n")
    with pytest.raises(DataError, match="27 rows for 30 vectors"):
        embedcli.import_run(tmp_path / "items.npy", items=table)
    table.write_text("movieId,title\n" + "\n".join(f"7,{name}" for name in names) + "\n")
    assert embedcli.import_run(tmp_path / "items.npy", items=table).items.ids == tuple(names)


def test_a_table_beside_the_vectors_names_their_rows(tmp_path: Path) -> None:
    """items.csv and users.csv in the folder of the vectors are their ids, as in a run; a link is not followed."""
    secret = tmp_path / "secret.csv"
    secret.write_text("id\n" + "\n".join(f"s{number}" for number in range(N_ITEMS)) + "\n")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "items.csv").symlink_to(secret)
    (folder / "users.csv").write_text("id\n" + "\n".join(f"u{number}" for number in range(N_USERS)) + "\n")
    run = embedcli.import_run(_arrays(folder))
    assert (run.items.ids[1], run.users.ids[1]) == ("1", "u1")


def test_fastai_numbers_sorted_ids_from_1(tmp_path: Path) -> None:
    """A state_dict of fastai has a first row for unknown ids, which is left out, then a row for each id in order."""
    notes = list[str]()
    ids = sorted(_numbers(N_ITEMS, 3), key=int)
    run = embedcli.import_run(
        _fastai(tmp_path), ratings=_ratings(tmp_path, _numbers(N_USERS, 1), ids), on_note=notes.append
    )
    assert run.items.ids == tuple(ids)
    pairs = [(str(u + 1), ids[i]) for u in range(3) for i in range(3)]
    predicted = [row["prediction"] for row in embedcli.predict(run, pairs).predictions]
    np.testing.assert_allclose(predicted, (5.5 / (1 + np.exp(-LOGITS[:3, :3]))).ravel(), atol=1e-5)
    assert any("'#na#', is left out" in note for note in notes)


def test_fastai_with_another_number_of_ids_is_refused(tmp_path: Path) -> None:
    """If fastai left out ids that were in its validation set alone, the rows do not add up, and the error asks."""
    ratings = _ratings(tmp_path, _numbers(N_USERS, 1), _numbers(N_ITEMS, 1))
    with ratings.open("a") as file:
        file.write("1,999,3\n")
    with pytest.raises(DataError, match="which of the 31 items a row is: the ratings have 31"):
        embedcli.import_run(_fastai(tmp_path), ratings=ratings)


def test_ratings_of_others_are_left_out_and_said(tmp_path: Path) -> None:
    """Ratings of unknown users and items are left out, items without ratings have n = 0; both are said."""
    notes = list[str]()
    path = tmp_path / "vectors.npz"
    np.savez(path, item_factors=ITEMS, item_ids=[*_numbers(N_ITEMS - 1, 100), "unheard"])
    ratings = _ratings(tmp_path, _numbers(N_USERS), _numbers(N_ITEMS, 100))
    run = embedcli.import_run(path, ratings=ratings, on_note=notes.append)
    assert run.item_stats.n_ratings[-1] == 0
    assert run.item_stats.n_ratings.sum() == SAMPLED[:, :-1].sum()
    assert any("1 of 30 films have no vector" in note for note in notes)
    assert any("29 of 30 films with vectors have ratings" in note for note in notes)
    np.savez(path, item_factors=ITEMS, item_ids=[f"x{number}" for number in range(N_ITEMS)])
    with pytest.raises(DataError, match="no film of the ratings has a vector"):
        embedcli.import_run(path, ratings=ratings)


def test_implicit_scores_stay_as_they_are(tmp_path: Path) -> None:
    """Factors without biases, as implicit's, predict their product, with ratings on any scale."""
    path = tmp_path / "als.npz"
    np.savez(path, user_factors=USERS, item_factors=ITEMS, regularization=0.1, dtype="float32")
    ratings = _ratings(tmp_path, _numbers(N_USERS), _numbers(N_ITEMS))
    path_of_ratings = tmp_path / "likes.csv"
    likes = np.argwhere(np.quantile(USERS @ ITEMS.T, 0.6) < USERS @ ITEMS.T)
    likes = np.vstack([likes, [[0, 0]]]) if not (likes == 0).all(1).any() else likes
    path_of_ratings.write_text("user,item,rating\n" + "\n".join(f"{u},{i},{1 + (u + i) % 5}" for u, i in likes) + "\n")
    assert ratings.exists()
    run = embedcli.import_run(path, ratings=path_of_ratings)
    predicted = embedcli.predict(run, [("3", "4")]).predictions[0]["prediction"]
    assert predicted == pytest.approx(float(USERS[3] @ ITEMS[4]), abs=1e-5)
    assert run.link == "identity"


def test_a_mean_of_ratings_makes_predictions_of_ratings(tmp_path: Path) -> None:
    """With a global bias alone, vectors are held against the ratings; rows in another order show."""
    ratings = _ratings(tmp_path, _numbers(N_USERS), _numbers(N_ITEMS))
    centre = STARS[SAMPLED].mean()
    left, sizes, right = np.linalg.svd(np.where(SAMPLED, STARS - centre, 0), full_matrices=False)
    users, items = left[:, :5] * sizes[:5], right[:5].T
    for rows, is_warned in ((items, False), (items[::-1], True)):
        np.savez(
            tmp_path / "mean.npz", user_factors=users, item_factors=rows, global_bias=centre,
            user_ids=np.arange(N_USERS), item_ids=np.arange(N_ITEMS),
        )  # fmt: skip
        notes = list[str]()
        embedcli.import_run(str(tmp_path / "mean.npz"), ratings=str(ratings), on_note=notes.append)
        assert any("RMSE" in note and "not a test" in note for note in notes)
        assert any("not better than chance" in note for note in notes) == is_warned
