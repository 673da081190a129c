"""Every format gives the vectors and ids that it was made of, and says which array it took for what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

import embedcli
from embedcli.errors import DataError
from embedcli.run.record import Run

N_USERS, N_ITEMS, K = 5, 4, 3
RNG = np.random.default_rng(0)
USERS, ITEMS = (RNG.normal(size=(n, K)).astype(np.float32) for n in (N_USERS, N_ITEMS))
USER_BIAS, ITEM_BIAS = (RNG.normal(size=n).astype(np.float32) for n in (N_USERS, N_ITEMS))
LEVEL = 0.25
IDS = ("king", "queen", "São Paulo", "naïve")
USER_IDS = ("u1", "u2", "u3", "u4", "u5")
Write = Callable[[Path], Path]


def _by_text(folder: Path, *, header: str = "") -> Path:
    path = folder / "words.txt"
    lines = [f"{name} {' '.join(map(repr, row.tolist()))}" for name, row in zip(IDS, ITEMS, strict=True)]
    path.write_text(header + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def _by_word2vec_text(folder: Path) -> Path:
    return _by_text(folder, header=f"{N_ITEMS} {K}\n")


def _by_word2vec_binary(folder: Path, *, line_end: bytes = b"\n") -> Path:
    path = folder / "words.bin"
    rows = [
        name.replace(" ", "_").encode() + b" " + row.tobytes() + line_end for name, row in zip(IDS, ITEMS, strict=True)
    ]
    path.write_bytes(f"{N_ITEMS} {K}\n".encode() + b"".join(rows))
    return path


def _by_gensim(folder: Path) -> Path:
    """Write the binary format as gensim does, without line ends."""
    return _by_word2vec_binary(folder, line_end=b"")


def _by_projector(folder: Path) -> Path:
    path = folder / "vectors.tsv"
    path.write_text("".join("\t".join(map(repr, row.tolist())) + "\n" for row in ITEMS))
    (folder / "metadata.tsv").write_text("\n".join(IDS) + "\n", encoding="utf-8")
    return path


def _by_projector_with_header(folder: Path) -> Path:
    path = _by_projector(folder)
    lines = ["title\tid", *(f'"{name}" the film\t{name}' for name in IDS)]
    (folder / "metadata.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _by_npz(folder: Path) -> Path:
    path = folder / "arrays.npz"
    np.savez(path, vectors=ITEMS, ids=np.array(IDS), epoch=3)
    return path


def _by_parquet(folder: Path) -> Path:
    path = folder / "table.parquet"
    neighbors = [{"ids": [0], "distances": [0.5]}] * N_ITEMS
    table = {"id": IDS, "embedding": ITEMS.tolist(), "x": [0.0] * N_ITEMS, "neighbors": neighbors}
    pq.write_table(pa.table(table), path, row_group_size=3)
    return path


def _by_fixed_parquet(folder: Path) -> Path:
    path = folder / "table.parquet"
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(ITEMS.reshape(-1)), K)
    pq.write_table(pa.table({"id": IDS, "vector": vectors}), path)
    return path


def _by_csv(folder: Path) -> Path:
    path = folder / "table.csv"
    lines = [
        f'{name},"{name}, the film",{",".join(map(repr, row.tolist()))}' for name, row in zip(IDS, ITEMS, strict=True)
    ]
    path.write_text("\n".join(["id,title,factor_1,factor_2,factor_3", *lines]) + "\n", encoding="utf-8")
    return path


def _by_safetensors(folder: Path) -> Path:
    path = folder / "model.safetensors"
    save_file({"embedding.weight": ITEMS}, path, {"item_ids": json.dumps(IDS), "format": "pt"})
    return path


FORMATS = (
    *(_by_text, _by_word2vec_text, _by_word2vec_binary, _by_gensim, _by_projector, _by_projector_with_header),
    *(_by_npz, _by_parquet, _by_fixed_parquet, _by_csv, _by_safetensors),
)


@pytest.mark.parametrize("write", FORMATS, ids=[write.__name__ for write in FORMATS])
def test_format_gives_vectors_and_ids(write: Write, tmp_path: Path) -> None:
    """The numbers of every format are those that were written, to the last bit, each with its id."""
    run = embedcli.import_run(write(tmp_path))
    np.testing.assert_array_equal(run.array("item_factors"), ITEMS[None])
    assert [name.replace("_", " ") for name in run.items.ids] == list(IDS)
    assert (run.rows, run.n_members) == (None, 1)


def test_titles_come_with_ids(tmp_path: Path) -> None:
    """A projector's labels may hold quotation marks, a CSV quoted commas; they are titles beside the ids."""
    assert embedcli.import_run(_by_projector_with_header(tmp_path)).items.titles[0] == '"king" the film'
    assert embedcli.import_run(_by_csv(tmp_path)).items.titles[3] == "naïve, the film"


def _state_dict(folder: Path, names: dict[str, NDArray[np.float32]]) -> Path:
    path = folder / "model.pth"
    torch.save({name: torch.tensor(array) for name, array in names.items()}, path)
    (folder / "items.csv").write_text("id\n" + "\n".join(IDS) + "\n", encoding="utf-8")
    (folder / "users.csv").write_text("id\n" + "\n".join(USER_IDS) + "\n")
    return path


NAMED = (
    ("user_factors.weight", "movie_factors.weight", "user_bias.weight", "movie_bias.weight"),
    ("user_embedding.weight", "item_embedding.weight", "user_bias", "item_bias"),
    ("embedding_user.weight", "embedding_item.weight", "bias_user.weight", "bias_item.weight"),
    ("P", "Q", "bu", "bi"),
    ("pu", "qi", "bu", "bi"),
    ("net.userEmb.weight", "net.bookEmb.weight", "net.userBias.weight", "net.bookBias.weight"),
)


@pytest.mark.parametrize("names", NAMED, ids=[names[0] for names in NAMED])
def test_roles_are_found_by_name_and_shape(names: tuple[str, ...], tmp_path: Path) -> None:
    """Which tensors are the users' and the items' factors and biases is told by their names and shapes, and noted."""
    notes = list[str]()
    path = _state_dict(tmp_path, dict(zip(names, (USERS, ITEMS, USER_BIAS[:, None], ITEM_BIAS[:, None]), strict=True)))
    run = embedcli.import_run(path, on_note=notes.append)
    predicted = embedcli.predict(run, [("u2", "queen")]).predictions[0]["prediction"]
    assert predicted == pytest.approx(float(USERS[1] @ ITEMS[1] + USER_BIAS[1] + ITEM_BIAS[1]), abs=1e-5)
    assert any(names[0] in note and names[1] in note for note in notes)
    assert any("no global_bias" in note for note in notes)


def test_roles_can_be_given(tmp_path: Path) -> None:
    """Where names do not tell, an error asks, and what is given is taken."""
    path = _state_dict(tmp_path, {"0.weight": USERS, "1.weight": ITEMS})
    with pytest.raises(DataError, match="which array holds the items is not known") as error:
        embedcli.import_run(path)
    assert "`arrays` item_factors=0.weight" in error.value.hint
    run = embedcli.import_run(path, arrays={"item_factors": "1.weight", "user_factors": "0.weight"})
    assert (run.items.ids, run.users.ids) == (IDS, USER_IDS)
    with pytest.raises(DataError, match=r"no array '2\.weight'"):
        embedcli.import_run(path, arrays={"item_factors": "2.weight"})
    with pytest.raises(DataError, match="no 'film_factors'"):
        embedcli.import_run(path, arrays={"film_factors": "1.weight"})


def test_a_model_with_layers_is_not_a_dot_product(tmp_path: Path) -> None:
    """Of a model with more layers than embeddings and biases, whose prediction is not a product, items are taken."""
    notes = list[str]()
    layers = {"user_emb.weight": USERS, "item_emb.weight": ITEMS, "layers.0.weight": np.ones((2, 6), np.float32)}
    run = embedcli.import_run(_state_dict(tmp_path, layers), on_note=notes.append)
    assert set(run.arrays) == {"item_factors"}
    assert any("layers.0.weight: more than a dot product" in note for note in notes)


def test_a_checkpoint_holds_its_model(tmp_path: Path) -> None:
    """A checkpoint with the state of the optimizer beside the model gives the model."""
    path = tmp_path / "checkpoint.pth"
    torch.save({"model": {"item_emb.weight": torch.tensor(ITEMS, dtype=torch.bfloat16)}, "opt": {"lr": 0.1}}, path)
    run = embedcli.import_run(path)
    np.testing.assert_allclose(run.array("item_factors")[0], ITEMS, rtol=0.01)


def _full(folder: Path, **more: object) -> Path:
    path = folder / "full.npz"
    arrays = {"user_factors": USERS, "item_factors": ITEMS, "user_bias": USER_BIAS, "item_bias": ITEM_BIAS}
    np.savez(path, **arrays, global_bias=LEVEL, item_ids=IDS, user_ids=USER_IDS, **more)  # type: ignore[arg-type]
    return path


def predicted(run: Run) -> NDArray[np.float64]:
    """Return the predictions (U, I) of a run."""
    pairs = [(user, f"id:{item}") for user in USER_IDS for item in IDS]
    rows = embedcli.predict(run, [(user, item.removeprefix("id:")) for user, item in pairs]).predictions
    return np.array([row["prediction"] for row in rows]).reshape(N_USERS, N_ITEMS)


def test_predictions_are_those_of_the_model(tmp_path: Path) -> None:
    """The canonical form keeps every prediction: without a sigmoid, with the given y_range, or with the file's."""
    logits = USERS @ ITEMS.T + USER_BIAS[:, None] + ITEM_BIAS + LEVEL
    np.testing.assert_allclose(predicted(embedcli.import_run(_full(tmp_path))), logits, atol=1e-5)
    stars = 5.5 / (1 + np.exp(-logits))
    np.testing.assert_allclose(predicted(embedcli.import_run(_full(tmp_path), y_range=(0, 5.5))), stars, atol=1e-5)
    path = _full(tmp_path, link="sigmoid", y_range=(0, 5.5))
    np.testing.assert_allclose(predicted(embedcli.import_run(path)), stars, atol=1e-5)


def test_several_members_stay_apart(tmp_path: Path) -> None:
    """A leading axis is one of members: each has its own factors and biases."""
    path = tmp_path / "members.npz"
    np.savez(path, item_factors=np.stack([ITEMS, -ITEMS]), item_bias=np.stack([ITEM_BIAS, ITEM_BIAS]), item_ids=IDS)
    run = embedcli.import_run(path)
    assert run.n_members == 2
    np.testing.assert_array_equal(run.array("item_factors")[1], -ITEMS)


def test_what_is_canonical_stays_as_it_is(tmp_path: Path) -> None:
    """Arrays that were put into canonical form before are not moved by a rounding error."""
    once = embedcli.import_run(_full(tmp_path))
    arrays = {name: array for name, array in once.arrays.items() if name != "trained_stars"}
    np.savez(tmp_path / "again.npz", **arrays, item_ids=IDS, user_ids=USER_IDS, link="identity")
    again = embedcli.import_run(tmp_path / "again.npz")
    for name, array in arrays.items():
        np.testing.assert_array_equal(again.array(name), array)


def test_a_tensor_is_not_stretched(tmp_path: Path) -> None:
    """A tensor that claims more numbers than its storage holds, which would fill the memory, is refused."""
    path = tmp_path / "model.pth"
    torch.save({"item_factors": torch.zeros(1).expand(50, 40)}, path)
    with pytest.raises(DataError, match=r"shape \(50, 40\), which its storage lacks"):
        embedcli.import_run(path)


def test_members_share_one_global_bias(tmp_path: Path) -> None:
    """The mean of the ratings is one number, whatever the number of members."""
    np.savez(tmp_path / "model.npz", user_factors=np.ones((3, 4, 2)), item_factors=np.ones((3, 5, 2)), global_bias=3.5)
    run = embedcli.import_run(str(tmp_path / "model.npz"))
    row = embedcli.predict(run, [("0", "0")]).predictions[0]
    assert row["prediction"] == pytest.approx(3.5 + 2, rel=1e-6)


@pytest.mark.parametrize("stated", ["4 2", "3 3"])
def test_a_wrong_first_line_is_named(stated: str, tmp_path: Path) -> None:
    """Where the first line of word2vec text lies, the hint is about that line, not about the vectors."""
    path = tmp_path / "words.txt"
    path.write_text(f"{stated}\na 1 2\nb 3 4\nc 5 6\n")
    with pytest.raises(DataError) as caught:
        embedcli.import_run(str(path))
    assert "correct the first line" in str(caught.value.hint)


def test_a_header_over_one_column_of_labels_is_named(tmp_path: Path) -> None:
    """A lone column of labels has no header in a projector: the hint says to delete it."""
    (tmp_path / "vectors.tsv").write_text("1\t2\n3\t5\n6\t7\n")
    (tmp_path / "metadata.tsv").write_text("label\na\nb\nc\n")
    with pytest.raises(DataError, match="4 rows for 3 vectors") as caught:
        embedcli.import_run(str(tmp_path / "vectors.tsv"))
    assert "delete its first line" in str(caught.value.hint)
