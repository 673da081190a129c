"""Trials side by side: the settings of a sweep, and the folds of a cross-validation."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np

from embedcli.analysis.compare import differing_settings, evidence_figures
from embedcli.analysis.components import two_digits
from embedcli.analysis.pca import pca
from embedcli.analysis.record import Record, column, decimal, name, share, text, whole
from embedcli.errors import RunError, UsageError
from embedcli.evidence.bases import Floats
from embedcli.evidence.cores import n_cores
from embedcli.evidence.scores import error_over_users, rmse_by_user
from embedcli.run.predictions import VALIDATION
from embedcli.run.record import BIASES, ONE_MEMBER, POSTERIOR, Run, Validation


@dataclass(frozen=True)
class TrialFigures:
    """The figures of a setting. Only `validation_rmse` chooses; the test RMSE are for display."""

    name: Annotated[str, name("run")]
    setting: Annotated[str, text("setting")]
    validation_rmse: Annotated[float, decimal("valid", "RMSE of the members on a tenth of the training rows", 4)]
    standard_error: float  # of the validation RMSE, over users
    worse: Annotated[float | None, decimal("worse", "how far it is above the best", 4)]
    worse_error: Annotated[float | None, decimal("se", "standard error of that difference, over users", 4)]
    mark: Annotated[str, text("", "b: best on the validation rows; i: most interpretable within one standard error")]
    rmse: Annotated[float | None, decimal("test", "RMSE of the members averaged, over the test rows", 4)]
    real: Annotated[str | None, text("real", "number of components that predict held-out ratings")]
    n_real: int | None
    n_tested: int
    slope: Annotated[float | None, decimal("slope", "held-out slope of component 1 (1 = calibrated)")]
    truth_phi: Annotated[float | None, column("truth", "component 1's estimated agreement with the truth", two_digits)]
    n_named: Annotated[int | None, whole("named", "number of real components that have a name")]
    outside: Annotated[float | None, share("outside", "share of items whose stars lie outside their interval", 1)]
    posterior_rmse: Annotated[float | None, decimal("posterior", "RMSE of the posterior, over the test rows", 4)]
    seconds: Annotated[float, decimal("seconds", "time of the training, without the validation and what is shared", 1)]


@dataclass(frozen=True)
class Sweep(Record):
    """The settings of a sweep, the best on the validation rows first.

    `most_interpretable` has the most named components, then the most real ones, then the highest agreement with the
    truth, of the settings that are worse than the best by at most one standard error (Breiman and others 1984). That
    is the error of the difference: all settings are judged on the same rows, so what makes these easy or hard for all
    does not count. It is None if no components were tested.
    """

    row_fields = ("trials",)
    trials: tuple[TrialFigures, ...]
    best: str
    most_interpretable: str | None
    n_validation: int


@dataclass(frozen=True)
class FoldFigures:
    """The errors on the test rows of a fold."""

    name: Annotated[str, name("run")]
    fold: Annotated[str, text("split")]
    n_test: Annotated[int | None, whole("test rows")]
    bias_rmse: Annotated[float | None, decimal("biases", "RMSE of user and item biases alone", 4)]
    member_rmse: Annotated[float | None, decimal("one member", "mean RMSE of a member", 4)]
    rmse: Annotated[float | None, decimal("members", "RMSE of the members averaged", 4)]
    mae: Annotated[float | None, decimal("MAE", "mean absolute error of the members averaged", 4)]
    posterior_rmse: Annotated[float | None, decimal("posterior", "RMSE of the posterior", 4)]
    seconds: Annotated[float | None, decimal("seconds", "time of the training", 1)]


@dataclass(frozen=True)
class CrossValidation(Record):
    """The errors of each fold, then their mean and their spread: the standard deviation over folds."""

    row_fields = ("folds", "summary")
    folds: tuple[FoldFigures, ...]
    summary: tuple[FoldFigures, ...]


def sweep(runs: Sequence[Run]) -> Sweep:
    """Put the trials of a sweep side by side, and choose by their validation rows.

    Raises UsageError for no run, RunError for a run that is not a trial of a sweep, or was judged on other rows.
    """
    if not runs:
        raise UsageError("there is no trial to compare", "give one setting or more")
    moves = _moves(runs)
    order = sorted(range(len(runs)), key=lambda j: _validation(runs[j]).rmse)
    best = order[0]
    errors = [error_over_users(own - moves[best]) for own in moves]
    settings = differing_settings(runs)
    with ThreadPoolExecutor(n_cores()) as pool:
        found = list(
            pool.map(_trial, [runs[j] for j in order], [{k: v[j] for k, v in settings.items()} for j in order])
        )
    lowest = found[0].validation_rmse
    within = [trial for trial, j in zip(found, order, strict=True) if trial.validation_rmse - lowest <= errors[j]]
    clearest = max((trial for trial in within if trial.n_tested), key=_interpretability, default=None)
    trials = []
    for trial, j in zip(found, order, strict=True):
        words = [word for word, holds in (("b", j == best), ("i", trial is clearest)) if holds]
        marked = replace(trial, mark=" ".join(words))
        if j != best:
            marked = replace(marked, worse=trial.validation_rmse - lowest, worse_error=errors[j])
        trials.append(marked)
    return Sweep(tuple(trials), runs[best].name, clearest.name if clearest else None, _validation(runs[best]).n_rows)


def _moves(runs: Sequence[Run]) -> list[Floats]:
    """Return what each user moves the validation RMSE of each run by; RunError if that is not known or comparable."""
    moves = []
    for run in runs:
        if run.training.validation is None:
            raise RunError(f"run {run.name!r} is not a trial of a sweep", "train one: embedcli sweep")
        squares, n_rows = run.array(VALIDATION)
        if not np.array_equal(n_rows, runs[0].array(VALIDATION)[1]):
            raise RunError(
                f"runs {runs[0].name!r} and {run.name!r} were judged on different rows",
                "train them by one command: embedcli sweep",
            )
        moves.append(rmse_by_user(squares, n_rows)[1])
    return moves


def _validation(run: Run) -> Validation:
    assert run.training.validation is not None
    return run.training.validation


def _interpretability(trial: TrialFigures) -> tuple[float, ...]:
    return trial.n_named or 0, trial.n_real or 0, trial.truth_phi or 0.0


def _trial(run: Run, setting: Mapping[str, Any]) -> TrialFigures:
    evidence, validation, score = run.training.evidence, _validation(run), run.training.model_score
    n = len(evidence.pca_tests) if evidence else int(len(run.items) > 1)
    shown = pca(run, components=n, limit=1).components if n else ()
    return TrialFigures(
        name=run.name,
        setting=", ".join(f"{key.replace('_', ' ')} {written(value)}" for key, value in setting.items()),
        validation_rmse=validation.rmse,
        standard_error=validation.standard_error,
        worse=None,
        worse_error=None,
        mark="",
        rmse=score.rmse if score else None,
        posterior_rmse=_rmse_of(run, POSTERIOR),
        n_named=sum(bool(own.real) and own.has_name for own in shown) if evidence else None,
        seconds=run.training.seconds,
        **evidence_figures(run, shown[0] if shown else None),
    )


def written(value: Any) -> str:
    """Write the value of a setting, a number as short as it goes."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _rmse_of(run: Run, model: str) -> float | None:
    return next((score.rmse for score in run.training.scores if score.model == model), None)


def cross_validation(runs: Sequence[Run]) -> CrossValidation:
    """Put the errors of the folds side by side, with their mean and standard deviation; UsageError for one fold."""
    if len(runs) < 2:
        raise UsageError("a cross-validation takes two folds or more", "use `split` cv5")
    folds = tuple(map(_fold, runs))
    return CrossValidation(folds, tuple(_summary(folds, *how) for how in (("mean", np.mean), ("spread", _spread))))


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1))


def _summary(folds: Sequence[FoldFigures], what: str, of: Any) -> FoldFigures:
    """Return the mean, or the like, of the figures over folds; None if a fold lacks the figure."""
    figures: dict[str, Any] = {}
    for key in ("n_test", "bias_rmse", "member_rmse", "rmse", "mae", "posterior_rmse", "seconds"):
        values = [getattr(fold, key) for fold in folds]
        figures[key] = None if None in values or key == "n_test" else float(of(values))
    return FoldFigures(name=what, fold="", **figures)


def _fold(run: Run) -> FoldFigures:
    score = run.training.model_score
    return FoldFigures(
        name=run.name,
        fold=run.training.split.description,
        n_test=run.training.split.n_test,
        bias_rmse=_rmse_of(run, BIASES),
        member_rmse=_rmse_of(run, ONE_MEMBER),
        rmse=score.rmse if score else None,
        mae=score.mae if score else None,
        posterior_rmse=_rmse_of(run, POSTERIOR),
        seconds=run.training.seconds,
    )
