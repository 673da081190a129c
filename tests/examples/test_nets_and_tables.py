"""The scripts on digits, softmax, convolution, one-hot products, encodings of text, and words in a table."""

from __future__ import annotations

import contextlib
import gzip
import io
import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Invoke
from scipy.spatial import procrustes

import embedcli
from embedcli.run.record import Run
from embedcli.run.store import save

EXAMPLES = Path(__file__).parents[2] / "examples"
TAKES_DATA = ("mnist_logistic", "entity_embeddings", "census", "latin_1", "embedding_is_one_hot")
ADULT = (
    "39, State-gov, 77516, Bachelors, 13, Divorced, Adm-clerical, Unmarried, White, Male, 2174, 0, 40, Cuba, <=50K",
    "50, ?, 83311, HS-grad, 9, Married-civ-spouse, Sales, Husband, Black, Male, 0, 0, 13, United-States, >50K",
    "20, Private, 1, 11th, 7, Divorced, Sales, Unmarried, White, Female, 0, 100, 60, United-States, >50K",
)


@dataclass(frozen=True)
class Shown:
    """What a script returned, and what it printed."""

    found: Any
    printed: str


def run(name: str, *data: str, **options: Any) -> Shown:
    """Run the main of a script."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        found = import_module(name).main(*data, **options)
    return Shown(found, printed.getvalue())


@pytest.fixture(scope="module")
def digits(_examples_without_network: None) -> Shown:
    """Return what mnist_logistic comes to on scikit-learn's digits."""
    return run("mnist_logistic")


@pytest.fixture(scope="module")
def learned(_examples_without_network: None, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """Return what entity_embeddings comes to on made data, with two nets and few trees."""
    return run("entity_embeddings", run_dir=str(tmp_path_factory.mktemp("runs")), small=True)


def test_softmax_of_the_sheet(digits: Shown) -> None:
    """The softmax of the sheet's outputs is printed; other outputs, lower by one amount, have the same softmax."""
    p = {name: round(digits.found[name], 4) for name in ("cat", "dog", "plane", "fish", "building")}
    assert p == {"cat": 0.0804, "dog": 0.0065, "plane": 0.0137, "fish": 0.6244, "building": 0.275}
    assert digits.found["softmax apart"] < 1e-15
    assert all(f"{share:.4f}" in digits.printed for share in p.values())
    assert "-log 0.6244 = 0.4710" in digits.printed


def test_softmax_and_cross_entropy_are_as_derived(digits: Shown) -> None:
    """Loss and derivatives by hand equal those of torch and autograd, also for outputs whose exp would overflow."""
    assert digits.found["loss off"] < 1e-12
    assert digits.found["slope off"] < 1e-12
    outputs = torch.tensor([[1000.0, -1000.0, *[0.0] * 8]] * 2, dtype=torch.float64)
    loss, slope = import_module("mnist_logistic").softmax_cross_entropy(outputs, torch.tensor([0, 1]))
    assert loss.item() == 1000
    assert slope[1, :2].tolist() == [0.5, -0.5]


def test_one_and_two_matrices_read_digits(digits: Shown) -> None:
    """With three seeds, one matrix reads .958 to .969 of the test digits, and two read .961 to .978."""
    ends = [digits.found[f"{kind} {end}"] for kind in ("Logistic", "Net") for end in ("lowest", "highest")]
    assert ends == pytest.approx([0.958, 0.969, 0.961, 0.978], abs=0.006)  # two images of 359
    assert "Trained on scikit-learn's digits: 1,438 images of 64 pixels; tested on 359 others" in digits.printed
    script = import_module("mnist_logistic")
    assert script.load().x.dtype == torch.float32
    sizes = [sum(w.numel() for w in kind(784).parameters()) for kind in (script.Logistic, script.Net)]
    assert sizes == [7_850, 39_760]  # of MNIST's 784-10 and 784-50-10


def test_two_spellings_of_decay_are_one_for_sgd_and_two_for_adam(digits: Shown) -> None:
    """Decay in the loss and decoupled decay end at the same weights for plain SGD, not for Adam."""
    found = digits.found
    assert found["SGD apart"] < 1e-5
    assert found["Adam apart"] > 0.1
    for rule in ("SGD", "Adam"):
        assert found[f"{rule} none size"] > found[f"{rule} decoupled size"] >= found[f"{rule} in the loss size"] - 1e-6


def test_adam_needs_a_larger_decoupled_decay() -> None:
    """Fifty times the decay shrinks Adam's weights, decoupled, about as the term in the loss did."""
    script = import_module("mnist_logistic")
    trained = (script.train(script.load(), script.Logistic, "Adam", "decoupled", decay) for decay in (0.02, 1.0))
    small, large = (model.linear.weight.abs().mean() for model in trained)
    assert large < 0.6 * small


def test_mnist_is_read_from_idx_files(tmp_path: Path) -> None:
    """Images and labels come out of idx files as they went in, compressed or not."""
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    labels = np.array([7, 3], dtype=np.uint8)
    for part in ("train", "t10k"):
        pixels = bytes([0, 0, 8, 3]) + np.array(images.shape, ">i4").tobytes() + images.tobytes()
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(pixels))
        content = bytes([0, 0, 8, 1]) + np.array(labels.shape, ">i4").tobytes() + labels.tobytes()
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(content)
    read = import_module("mnist_logistic").load(str(tmp_path))
    np.testing.assert_allclose(read.x.numpy(), images.reshape(2, 12) / 255, rtol=1e-6)
    assert read.digits.tolist() == read.test_digits.tolist() == [7, 3]
    assert torch.equal(read.x, read.test_x)


def test_convolution_is_a_matrix() -> None:
    """The matrix of 3 tied numbers gives what conv1d gives, its gradients add up, and images have one, too."""
    shown = run("convolution_is_a_matrix")
    assert (shown.found["conv1d"], shown.found["zeros"], shown.found["gradients"]) == (0, 6, 0)
    assert shown.found["two layers"] < 1e-12 < 0.1 < shown.found["with ReLU"]
    assert shown.found["conv2d"] < 1e-5
    assert "|    0    1    2   -1    0 |" in shown.printed
    assert "529,984 entries" in shown.printed


def test_latin_1(tmp_path: Path) -> None:
    """Titles in latin-1 are a UnicodeDecodeError in UTF-8 and right in latin-1; the other mistake raises nothing."""
    shown = run("latin_1")
    assert shown.found["error"].startswith("'utf-8' codec can't decode byte 0xe9")
    assert shown.found["titles"] == ["Café Society (1995)", "Señora Noël (1997)"]
    assert shown.found["strange"] == "CafÃ© Society (1995)"
    (tmp_path / "u.item").write_bytes(b"1|Plain (1990)|\n2|Mis\xe9rables, Les (1995)|\n")
    given = run("latin_1", str(tmp_path))
    assert given.found["titles"] == ["Misérables, Les (1995)"]
    assert "Line 2 has that byte" in given.printed


def test_embedding_is_one_hot() -> None:
    """A look-up is the one-hot product, forwards and backwards, at less time and memory; a bias is one more column."""
    figures = run("embedding_is_one_hot", small=True).found
    assert all(figures[name] < 1e-6 for name in ("rows", "gradients", "bias"))
    assert figures["time ratio"] > 1
    assert figures["memory ratio"] == 200  # 400 films of 4 bytes, against one code of 8


def test_a_net_with_embeddings_finds_what_depends_on_a_map(learned: Shown) -> None:
    """The net is far above logistic regression, and its embeddings help that and nearest neighbours."""
    people = learned.found[0]
    assert people["the net"]["embeddings"] > 0.8 > 0.6 > people["logistic"]["one-hot"]
    assert people["neighbours"]["embeddings"] > people["neighbours"]["codes"] + 0.005
    models = ("boosting", "forest", "neighbours", "logistic")
    assert all(set(people[name]) == {"codes", "one-hot", "embeddings"} for name in models)


def test_models_of_ratings_gain_by_embeddings(learned: Shown) -> None:
    """Models of ratings are better with embeddings than with bare codes, and hardly better than their source."""
    stars = learned.found[1]
    models = [stars[name] for name in ("boosting", "forest", "neighbours", "linear")]
    assert all(own["embeddings"] < own["codes"] - 0.02 for own in models)
    assert min(own["embeddings"] for own in models) > stars["the model"]["embeddings"] - 0.05
    assert "one-hot" in stars["linear"]


def test_the_outcome_stands_beside_the_papers_in_two_sentences(learned: Shown) -> None:
    """The paper's errors stand beside the figures; the verdict names every model once, as helped or not helped."""
    assert "0.315       0.099" in learned.printed
    assert learned.printed.count("Verdict") == 2
    first = learned.printed.split("1. ")[1].split("\n")[0]
    assert all(first.count(name) == 1 for name in ("boosting", "forest", "neighbours", "logistic"))
    script = import_module("entity_embeddings")
    own = {"tree": {"codes": 0.8, "embeddings": 0.9}, "line": {"codes": 0.8, "embeddings": 0.8}}
    assert script.gains(own, "codes", 0.01) == "help tree by 0.100 and do not help line (+0.000)"
    assert script.gains(own, "codes", 0.01, -1) == "do not help tree (-0.100), line (+0.000)"


def test_the_map_is_found_again(learned: Shown) -> None:
    """The first two components of the countries are the map, but for its turn and size; both are drawn."""
    places = import_module("census").make()[1]
    people, _, trained = learned.found
    found = embedcli.pca(trained.table("country"), components=3)
    order = np.argsort([int(title.split()[1]) for title in trained.tables["country"].labels.titles])
    missing = procrustes(places, found.scores[order, :2])[2]  # the share of the map that is not found
    assert missing == pytest.approx(people["map"]["missing"])
    assert missing < 0.1
    assert sum(component.share for component in found.components[:2]) > 0.9
    drawn = learned.printed.split("turned to fit\n")[1].split("\n\n")[0]
    assert all(drawn.count(chr(ord("A") + country)) == 2 for country in range(24))


def test_embedcli_takes_the_table_apart(learned: Shown, embedcli: Invoke) -> None:
    """`embedcli pca --table` works on the run of the script, and speaks of rows, because there are no ratings."""
    trained: Run = learned.found[2]
    save(trained, Path("runs"))
    shown = embedcli("pca", "--table", "country", "--components", "2", "--min-ratings", "5", "--format", "json")
    assert shown.exit_code == 0
    assert "country values with at least 5 rows" in shown.stdout
    assert "it was not tested on held-out rows" in shown.stdout


def test_adult_is_read(tmp_path: Path) -> None:
    """The people of both files come out as they stand, a missing word as a word, the comment and the dots dropped."""
    (tmp_path / "adult.data").write_text("\n".join(ADULT) + "\n\n", encoding="ascii")
    (tmp_path / "adult.test").write_text(f"|1x3 Cross validator\n{ADULT[1]}.\n\n", encoding="ascii")
    table = import_module("census").read(tmp_path)
    assert (table.n_train, table.target.tolist()) == (3, [0, 1, 1, 1])
    assert table.levels["workclass"] == ("?", "Private", "State-gov")
    assert table.codes[:, 0].tolist() == [2, 0, 1, 0]
    np.testing.assert_array_equal(table.numbers[1], table.numbers[3])
    np.testing.assert_allclose(table.numbers[:3].mean(0), 0, atol=1e-6)


@pytest.mark.parametrize("name", [*TAKES_DATA, "convolution_is_a_matrix"])
def test_help_of_a_script_is_its_lesson(name: str, help_of: Callable[[str], str]) -> None:
    """Run as a program with --help, a script shows its docstring; it ends with things to try and three questions."""
    assert f"python examples/{name}.py" in help_of(name)
    end = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8").split("# %% Try this\n")[1]
    tasks, questions = end.split("# Questions\n")
    assert tasks.count("# - ") >= 2
    assert [line[2:4] for line in questions.splitlines() if line[2:3].isdigit()] == ["1.", "2.", "3."]


@pytest.mark.parametrize("name", TAKES_DATA)
def test_wrong_data_is_one_error_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script says in one line that --data is wrong, and how to go on, and ends with exit code 2."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--data", "nowhere"])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert left.value.code == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert "nowhere" in error
    assert hint.startswith("hint: ")
