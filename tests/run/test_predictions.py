"""Predictions from arrays."""

from __future__ import annotations

import numpy as np
import pytest

from embedcli.run import predictions as predictions_module
from embedcli.run.predictions import predict, ratings_of
from embedcli.training.model import EmbeddingDotBias


@pytest.mark.parametrize("chunk", [7, 1 << 12])
def test_predictions_are_the_models(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions from arrays are those of the PyTorch model, whatever the size of a chunk, in float32."""
    monkeypatch.setattr(predictions_module, "CHUNK", chunk)
    rng = np.random.default_rng(0)
    model = EmbeddingDotBias(rng.normal(size=(2, 12, 3)).astype(np.float32), 5, global_bias=0.3, y_range=(0, 5.5))
    user, item = (rng.integers(0, n, 20).astype(np.int32) for n in (5, 7))
    predicted = predict(model.arrays(), user, item, (0, 5.5))
    assert predicted.dtype == np.float32
    import torch

    expected = model(torch.from_numpy(user)[None].long(), torch.from_numpy(item)[None].long()).detach().numpy()
    np.testing.assert_allclose(predicted, expected, atol=1e-6)


def test_links() -> None:
    """A sigmoid reaches neither end of its range but in rounding, without a warning; the identity is the logit."""
    logits = np.array([-1000.0, 0.0, 1000.0], np.float32)
    assert ratings_of(logits, (1.0, 5.0)).tolist() == [1.0, 3.0, 5.0]
    assert ratings_of(logits, None) is logits
