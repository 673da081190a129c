"""The examples on models: digits, weight decay, and the lesson's session; none of them uses the network."""

from __future__ import annotations

import gzip
import runpy
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = ("mnist_logistic", "entity_embeddings", "census")


@pytest.fixture(scope="module")
def digits(_examples_without_network: None) -> dict[str, float]:
    """Return the figures of mnist_logistic."""
    found: dict[str, float] = import_module("mnist_logistic").main()
    return found


def test_one_linear_layer_reads_digits(digits: dict[str, float]) -> None:
    """Logistic regression knows over nine digits in ten, whatever the optimiser and the decay."""
    assert min(figure for name, figure in digits.items() if name.endswith("accuracy")) > 0.9
    assert digits["Adam none accuracy"] > 0.95


def test_softmax_and_cross_entropy_are_as_derived(digits: dict[str, float]) -> None:
    """Loss and derivatives by hand are those of torch and autograd, also for scores whose exp would overflow."""
    assert digits["loss off"] < 1e-12
    assert digits["slope off"] < 1e-12
    scores = torch.tensor([[1000.0, -1000.0, *[0.0] * 8]] * 2, dtype=torch.float64)
    loss, slope = import_module("mnist_logistic").softmax_cross_entropy(scores, torch.tensor([0, 1]))
    assert loss.item() == 1000
    assert slope[1, :2].tolist() == [0.5, -0.5]


def test_two_spellings_of_decay_are_one_for_sgd_and_two_for_adam(digits: dict[str, float]) -> None:
    """Decay in the loss and decoupled decay end at the same weights for plain SGD, not for Adam."""
    assert digits["SGD apart"] < 1e-12
    assert digits["Adam apart"] > 0.1
    for rule in ("SGD", "Adam"):
        assert (
            digits[f"{rule} none size"] > digits[f"{rule} decoupled size"] >= digits[f"{rule} in the loss size"] - 1e-9
        )


def test_adam_needs_a_larger_decoupled_decay() -> None:
    """Fifty times the decay shrinks Adam's weights, decoupled, about as the term in the loss did."""
    script = import_module("mnist_logistic")
    small, large = (script.train(script.load(None), "Adam", "decoupled", decay, 10) for decay in (0.02, 1.0))
    assert large.linear.weight.abs().mean() < 0.6 * small.linear.weight.abs().mean()


def test_mnist_is_read_from_idx_files(tmp_path: Path) -> None:
    """Images and labels come out of idx files as they went in, compressed or not."""
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    labels = np.array([7, 3], dtype=np.uint8)
    for part in ("train", "t10k"):
        pixels = bytes([0, 0, 8, 3]) + np.array(images.shape, ">i4").tobytes() + images.tobytes()
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(pixels))
        content = bytes([0, 0, 8, 1]) + np.array(labels.shape, ">i4").tobytes() + labels.tobytes()
        (tmp_path / f"{part}-labels-idx1-ubyte").write_bytes(content)
    x, truth, test_x, test_truth = import_module("mnist_logistic").load(tmp_path)
    np.testing.assert_allclose(x.numpy(), images.reshape(2, 12) / 255)
    assert truth.tolist() == test_truth.tolist() == [7, 3]
    assert torch.equal(x, test_x)


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_of_a_script_is_its_lesson(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Run as a program with --help, a script shows its docstring."""
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "--help"])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    assert left.value.code == 0
    assert f"python examples/{name}.py" in capsys.readouterr().out


def test_readme_names_every_script() -> None:
    """Every script beside the README is in it, and every link leads somewhere."""
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"[{path.name}]({path.name})" in text for path in EXAMPLES.glob("*.py"))
    links = [part.split(")")[0] for part in text.split("](")[1:]]
    assert links
    assert all((EXAMPLES / link).exists() for link in links)
