"""Notes on stderr: what is guessed is said once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from embedcli.analysis.choices import Measure
from embedcli.analysis.metric import Gauge
from embedcli.analysis.similar import similar
from embedcli.cli.notes import Notes, say_measure
from embedcli.render.similar import view
from embedcli.run.record import Run


def test_a_cosine_that_was_not_asked_for_is_said_to_be_not_identified(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run of vectors alone gets one note; who asks for the cosine gets none, nor does a run with users."""
    bare = replace(trained, arrays={"item_factors": trained.array("item_factors")})
    for run, asked, said in ((bare, None, True), (bare, Measure.COSINE, False), (trained, None, False)):
        say_measure(Notes(), asked, similar(run, [7], by=asked).by)
        assert ("not identified" in capsys.readouterr().err) is said
    assert any("not identified" in line for line in view(similar(bare, [7]), bare).explanation)


def test_explain_says_how_much_of_the_cosine_is_arbitrary(trained: Run) -> None:
    """The shares of the nearest by cosine that stay, and that are near by preference, stand in the explanation."""
    (line,) = (
        line
        for line in view(similar(trained, [7]), trained, Gauge(0.45, 0.6, 10, 200)).explanation
        if "linear map" in line
    )
    assert "Of the 10 nearest of each film by cosine it leaves 45 %" in line
    assert "60 % are also nearest by preference" in line
