"""Every command on an imported run: it works, or says what is missing and what to type."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import Invoke

import embedcli as library

N_USERS, N_ITEMS, K = 40, 60, 4
RNG = np.random.default_rng(3)
USERS, ITEMS = (RNG.normal(size=(n, K)).astype(np.float32) for n in (N_USERS, N_ITEMS))
IDS = [f"i{number}" for number in range(N_ITEMS)]
USER_IDS = [f"u{number}" for number in range(N_USERS)]
LOOKS = (
    *("pca --components 2", "similar i1 -n 3", "map", "clusters -k 3", "axis --from i1 --to i2", "probe"),
    *("runs list", "runs show", "runs check", "report -o report.html --sections axes,map,clusters"),
)
OF_ITEMS = ("pca", "similar", "map", "clusters", "axis", "probe")
OF_USERS = (
    *("biases", "recommend --user u1", "recommend --rate i1=1", "predict --user u1 --item i1", "predict --all-users"),
    *("explain u1 i1", "compare model model", "similar u1 --table users"),
)


def _import(kind: str, embedcli: Invoke) -> None:
    """Import vectors of items alone or of users, too, with ratings or without, and tags of the items."""
    arrays = {"item_factors": ITEMS, "item_ids": IDS}
    if "users" in kind:
        arrays |= {"user_factors": USERS, "user_ids": USER_IDS, "item_bias": ITEMS[:, 0]}
    np.savez("model.npz", **arrays)  # type: ignore[arg-type]
    tags = ("Drama", "Comedy")
    lines = [f"{name},Film {name},{tags[int(ITEMS[row, 0] > 0)]}" for row, name in enumerate(IDS)]
    Path("films.csv").write_text("\n".join(["movieId,title,genres", *lines, ""]))
    logits = USERS @ ITEMS.T + ITEMS[:, 0]
    stars = np.clip(np.rint(3 + logits), 1, 5)
    rows = [f"{USER_IDS[u]},{IDS[i]},{stars[u, i]:g}" for u in range(N_USERS) for i in range(N_ITEMS) if (u + i) % 3]
    Path("ratings.csv").write_text("\n".join(["userId,movieId,rating", *rows, ""]))
    ratings = ["--ratings", "ratings.csv", "--y-range", "0", "5.5"] if "ratings" in kind else []
    result = embedcli("import", "model.npz", "--items", "films.csv", *ratings)
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize("kind", ["vectors", "vectors with ratings", "users", "users with ratings"])
def test_what_needs_no_ratings_works(kind: str, embedcli: Invoke) -> None:
    """Every analysis that needs no ratings works on any imported run, with all items shown if there are no ratings."""
    _import(kind, embedcli)
    for command in (*LOOKS, *(OF_USERS if "users" in kind else ())):
        result = embedcli(*command.split())
        assert result.exit_code == 0, (command, result.stderr)
        if command.split()[0] in OF_ITEMS and not {"--table", "ratings"} & {*command.split(), *kind.split()}:
            assert "all 60 films" in result.stdout.splitlines()[0], command


def test_what_needs_users_says_so(embedcli: Invoke) -> None:
    """Without vectors of users an error names what is missing, and the hint how to import it."""
    _import("vectors", embedcli)
    for command in OF_USERS:
        result = embedcli(*command.split())
        assert result.exit_code in (1, 2), command
        error, hint = result.stderr.splitlines()[-2:]
        assert "holds no" in error or "no embedding table 'users'" in error, command
        assert "embedcli import" in hint or "--table: items" in hint, command


def test_members_predict_without_a_posterior(embedcli: Invoke) -> None:
    """The best items of every user are those with the highest predictions of the members, without the rated ones."""
    _import("users with ratings", embedcli)
    run = library.open_run()
    best = library.predict_all(run, limit=3, min_ratings=0)
    assert (best.by_posterior, best.has_intervals, best.knows_rated) == (False, False, True)
    predicted = 5.5 / (1 + np.exp(-(USERS @ ITEMS.T + ITEMS[:, 0])))
    for u in range(N_USERS):
        free = [i for i in range(N_ITEMS) if not (u + i) % 3]
        expected = sorted(free, key=lambda i: -predicted[u, i])[:3]
        own = best.predictions[3 * u : 3 * u + 3]
        assert [row["id"] for row in own] == [IDS[i] for i in expected]
        np.testing.assert_allclose([row["prediction"] for row in own], predicted[u, expected], atol=1e-5)


def test_a_name_that_is_taken_is_refused_before_reading(embedcli: Invoke) -> None:
    """The name is checked first, and an option for an array that is not ROLE=NAME is refused."""
    _import("vectors", embedcli)
    result = embedcli("import", "model.npz", "--name", "model")
    assert (result.exit_code, "there is a run named 'model'" in result.stderr) == (2, True)
    result = embedcli("import", "model.npz", "--array", "item_factors")
    assert (result.exit_code, "is not ROLE=NAME" in result.stderr) == (2, True)
