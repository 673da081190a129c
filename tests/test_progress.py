"""How far the work is: stages, their parts, and the line that shows them."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from planted import World

from embedcli import progress
from embedcli.cli import live
from embedcli.progress import Stage, stage, step
from embedcli.run.config import TrainConfig
from embedcli.training.fit import fit


def test_a_stage_is_a_part_of_the_one_around_it() -> None:
    """A stage within another counts there by its part, while it is open by its share, and at its end whole."""
    with stage("whole", parts={"first": 3.0, "second": 1.0}) as whole:
        with stage("first", 2) as first:
            step()
            assert (first.share(), whole.share(first)) == (0.5, 0.375)
        with stage("not a part"):
            assert whole.share(*progress.stages()[1:]) == progress.share() == 0.75
        with stage("second", 4, count=lambda: 2) as second:
            assert (second.share(), progress.share()) == (0.5, 0.875)
        assert whole.share() == 1
    assert progress.stages() == []
    assert progress.share() == 0


def test_a_stage_ends_with_what_ends_it() -> None:
    """An error ends a stage, and so does a generator that nobody asks for more; without stages a step is nothing."""
    with pytest.raises(ValueError, match="x"), stage("fails"):
        raise ValueError("x")

    def numbers() -> Iterator[int]:
        with stage("in a generator"):
            yield 1

    for number in (given := numbers()):
        assert number == 1
        break
    given.close()  # type: ignore[attr-defined]
    assert progress.stages() == []
    step()


def test_steps_of_threads_all_count() -> None:
    """No step of any thread is lost."""
    with stage("steps", 4000) as own, ThreadPoolExecutor(8) as pool:
        for _ in range(4000):
            pool.submit(step)
        pool.shutdown()
        assert own.share() == 1


class Recorded(list[Stage]):
    """The open stages, and the share of each by name when it ended."""

    def __init__(self) -> None:
        super().__init__()
        self.shares: dict[str, float | None] = {}

    def remove(self, value: Stage, /) -> None:
        """Remember the share of a stage that ends."""
        self.shares[value.name] = value.share()
        super().remove(value)


@pytest.mark.parametrize("engine", ["compiled", "torch"])
def test_stages_of_a_training_end_when_all_is_done(world: World, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every stage of a training is a part of the whole, and the steps of each are as many as it said."""
    recorded = Recorded()
    monkeypatch.setattr(progress, "_stages", recorded)
    fit(world.ratings, TrainConfig(n_members=2, n_factors=4, n_epochs=2, n_folds=3, n_draws=100, engine=engine))
    assert recorded == []
    shares = {name: share for name, share in recorded.shares.items() if share is not None}
    assert shares == pytest.approx(dict.fromkeys(shares, 1.0))
    assert {"training", "members", "halves of the users", "folds", "testing components"} < shares.keys()
    assert {"testing tastes", "posterior draws"} < shares.keys()


def told(columns: int) -> str:
    """Return the live line of a training that is at one quarter of its tests for 9 s, in all for 30 s."""
    with stage("train"), stage("training", parts={"members": 6, "testing components": 2, "folds": 2}) as whole:
        with stage("members"):
            pass
        with stage("testing components", 8) as own:
            whole.began -= 30
            own.began -= 9
            step(2)
            return live.line(progress.stages(), columns)


def test_the_line_says_share_and_time_left() -> None:
    """The line names the stage, its share and the time left, and the time left of all, next to a bar."""
    name, bar, figures = told(80).split("  ")
    assert (name, figures) == ("testing components", "25%, 0:27 left; training 0:16 left")
    assert bar.count("\u2588") == len(bar) // 4


def test_the_line_fits_the_terminal() -> None:
    """A narrow terminal drops the time left of all, then the bar, then letters of the name; no line is wider."""
    lines = {columns: told(columns) for columns in range(121)}
    assert all(len(text) <= columns for columns, text in lines.items())
    assert lines[50].startswith("testing components  ██")
    assert lines[50].endswith("  25%, 0:27 left")
    assert (lines[38], lines[30]) == ("testing components  25%, 0:27 left", "testing compon  25%, 0:27 left")
    assert len(lines[79]) == len(lines[80]) - 1 or len(lines[80]) < 80


def test_a_stage_without_a_total_says_how_long_it_takes() -> None:
    """What cannot say its share has its name and the time since it began, from an hour on with hours."""
    with stage("UMAP") as own:
        own.began -= 3725
        assert live.line(progress.stages(), 80) == "UMAP  1:02:05"


class Stderr(io.StringIO):
    """A stream that has the number of stderr."""

    def fileno(self) -> int:
        """Return its number."""
        return 2


@pytest.mark.parametrize("is_ours", [True, False])
def test_the_line_is_drawn_in_the_foreground_and_taken_away(monkeypatch: pytest.MonkeyPatch, is_ours: bool) -> None:
    """What is taken away leaves blanks, also for the ^C that a terminal shows; in the background nothing is drawn."""
    monkeypatch.setattr(sys, "stderr", stderr := Stderr())
    monkeypatch.setattr(os, "tcgetpgrp", lambda terminal: os.getpgrp() if is_ours else 1, raising=False)
    with stage("UMAP") as own:
        own.began -= 5
        live.draw()
        live.hide()
        live.hide()
    assert stderr.getvalue() == ("\rUMAP  0:05\r" + " " * 12 + "\r" if is_ours else "")
