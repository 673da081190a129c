"""Trials side by side: the settings of a sweep, and the folds of a cross-validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from embedcli.analysis.compare import differing_settings, evidence_figures
from embedcli.analysis.components import two_digits
from embedcli.analysis.pca import pca
from embedcli.analysis.record import Record, column, decimal, name, share, text, whole
from embedcli.errors import RunError, UsageError
from embedcli.run.record import POSTERIOR, Run


@dataclass(frozen=True)
class TrialFigures:
    """The figures of a setting. Only `validation_rmse` chooses; the test RMSE are for display."""

    name: Annotated[str, name("run")]
    setting: Annotated[str, text("setting")]
    validation_rmse: Annotated[float, decimal("valid", "RMSE of the members on a tenth of the training rows", 4)]
    standard_error: Annotated[float, decimal("se", "its standard error, over users", 4)]
    mark: Annotated[str, text("", "b: best on the validation rows; i: most interpretable within one standard error")]
    rmse: Annotated[float | None, decimal("test", "RMSE of the members averaged, over the test rows", 4)]
    posterior_rmse: Annotated[float | None, decimal("posterior", "RMSE of the posterior, over the test rows", 4)]
    real: Annotated[str | None, text("real", "number of components that predict held-out ratings")]
    n_real: int | None
    n_tested: int
    n_named: Annotated[int | None, whole("named", "number of real components that have a name")]
    slope: Annotated[float | None, decimal("slope", "held-out slope of component 1 (1 = calibrated)")]
    truth_phi: Annotated[float | None, column("truth", "component 1's estimated agreement with the truth", two_digits)]
    outside: Annotated[float | None, share("outside", "share of items whose stars lie outside their interval", 1)]
    seconds: Annotated[float, decimal("seconds", "time of the training, without the validation", 1)]


@dataclass(frozen=True)
class Sweep(Record):
    """The settings of a sweep, the best on the validation rows first.

    `most_interpretable` has the most named components, then the most real ones, then the highest agreement with the
    truth, of the settings whose validation RMSE is at most one standard error above the best (Breiman and others 1984).
    """

    row_fields = ("trials",)
    trials: tuple[TrialFigures, ...]
    best: str
    most_interpretable: str
    limit: float
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

    Raises UsageError for no run, RunError for a run that is not a trial of a sweep.
    """
    if not runs:
        raise UsageError("there is no trial to compare", "give one setting or more")
    for run in runs:
        if run.training.validation is None:
            raise RunError(f"run {run.name!r} is not a trial of a sweep", "train one: embedcli sweep")
    settings = differing_settings(runs)
    found = sorted(
        (_trial(run, {key: values[j] for key, values in settings.items()}) for j, run in enumerate(runs)),
        key=lambda trial: trial.validation_rmse,
    )
    best = found[0]
    limit = best.validation_rmse + best.standard_error
    clearest = max((trial for trial in found if trial.validation_rmse <= limit), key=_interpretability)
    marked = tuple(_marked(trial, is_best=trial is best, is_clearest=trial is clearest) for trial in found)
    assert runs[0].training.validation is not None
    return Sweep(marked, best.name, clearest.name, limit, runs[0].training.validation.n_rows)


def _interpretability(trial: TrialFigures) -> tuple[float, ...]:
    return trial.n_named or 0, trial.n_real or 0, trial.truth_phi or 0.0


def _marked(trial: TrialFigures, *, is_best: bool, is_clearest: bool) -> TrialFigures:
    words = [word for word, holds in (("b", is_best), ("i", is_clearest)) if holds]
    return TrialFigures(**{**vars(trial), "mark": " ".join(words)})


def _trial(run: Run, setting: Mapping[str, Any]) -> TrialFigures:
    figures, validation, score = evidence_figures(run), run.training.validation, run.training.model_score
    assert validation is not None
    named = None
    if figures["n_tested"]:
        shown = pca(run, components=figures["n_tested"], limit=1).components
        named = sum(bool(component.real) and component.has_name for component in shown)
    return TrialFigures(
        name=run.name,
        setting=", ".join(f"{key.replace('_', ' ')} {written(value)}" for key, value in setting.items()),
        validation_rmse=validation.rmse,
        standard_error=validation.standard_error,
        mark="",
        rmse=score.rmse if score else None,
        posterior_rmse=_rmse_of(run, POSTERIOR),
        n_named=named,
        seconds=run.training.seconds,
        **figures,
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
        bias_rmse=_rmse_of(run, "user + item bias"),
        member_rmse=_rmse_of(run, "one member"),
        rmse=score.rmse if score else None,
        mae=score.mae if score else None,
        posterior_rmse=_rmse_of(run, POSTERIOR),
        seconds=run.training.seconds,
    )
