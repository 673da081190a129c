"""Trials side by side: settings are chosen by their validation rows, by the error of the difference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embedcli.analysis.sweep import sweep
from embedcli.errors import RunError
from embedcli.evidence.scores import bootstrap_of_users, drawn_rmse, error_over_users, rmse_by_user
from embedcli.run.predictions import VALIDATION
from embedcli.run.record import Run, Validation


def trial(trained: Run, name: str, squares: np.ndarray, *, n_rows: float = 10.0, **changes: object) -> Run:
    """Return a trial of a sweep whose users have these sums of squared errors, of as many rows each."""
    errors = np.array([squares, np.full(len(squares), n_rows)], np.float32)
    rmse, moves = rmse_by_user(*errors)
    validation = Validation(rmse, error_over_users(moves), int(errors[1].sum()))
    training = replace(trained.training, validation=validation, **changes)  # type: ignore[arg-type]
    return replace(trained, name=name, arrays={**trained.arrays, VALIDATION: errors}, training=training)


def test_settings_are_compared_on_the_same_rows(trained: Run) -> None:
    """A setting that is a little worse for every user is surely worse, though users differ by far more."""
    squares = np.random.default_rng(0).uniform(1, 20, 50)
    better, worse = trial(trained, "better", squares), trial(trained, "worse", squares * 1.01)
    evidence = trained.training.evidence
    assert evidence is not None
    poor = replace(evidence, pca_tests=[replace(test, real=False) for test in evidence.pca_tests])
    found = sweep([worse, trial(trained, "better", squares, evidence=poor)])
    assert found.trials[1].worse is not None
    assert found.trials[1].worse_error is not None
    assert found.trials[1].worse_error < found.trials[1].worse < found.trials[0].standard_error
    assert (found.best, found.most_interpretable) == ("better", "better")  # "worse" is real, but not as good
    noisy = trial(trained, "noisy", squares * np.random.default_rng(1).uniform(0.8, 1.25, 50))
    assert sweep([better, noisy]).trials[1].worse_error > 5 * found.trials[1].worse_error  # type: ignore[operator]


def test_error_of_a_difference_is_that_of_a_bootstrap() -> None:
    """The standard errors over users are those of a bootstrap that draws users with all their rows."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(200), rng.integers(1, 30, 200)).astype(np.int32)
    level = rng.gamma(2, 0.5, 200)[user]
    a = level * rng.chisquare(1, len(user))
    b = a * rng.uniform(0.9, 1.15, len(user))
    n_rows = np.bincount(user).astype(float)
    (_, of_a), (_, of_b) = (rmse_by_user(np.bincount(user, own), n_rows) for own in (a, b))
    drawn_a, drawn_b = (drawn_rmse(own, *bootstrap_of_users(user))[1:] for own in (a, b))
    assert error_over_users(of_a) == pytest.approx(np.std(drawn_a), rel=0.07)
    assert error_over_users(of_b - of_a) == pytest.approx(np.std(drawn_b - drawn_a), rel=0.07)
    assert error_over_users(rmse_by_user(np.zeros(3), np.ones(3))[1]) == 0


def test_trials_of_other_rows(trained: Run) -> None:
    """Runs that were not judged, or on other rows, are not compared."""
    with pytest.raises(RunError, match="is not a trial of a sweep"):
        sweep([trained])
    squares = np.ones(5)
    with pytest.raises(RunError, match="'a' and 'b' were judged on different rows"):
        sweep([trial(trained, "a", squares), trial(trained, "b", squares, n_rows=9.0)])
