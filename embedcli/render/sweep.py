"""How the trials of a sweep and the folds of a cross-validation are shown."""

from collections.abc import Sequence

from embedcli.analysis.record import nested
from embedcli.analysis.sweep import CrossValidation, FoldFigures, Sweep, TrialFigures
from embedcli.render.view import View, table
from embedcli.run.record import Run


def view(found: Sweep, runs: Sequence[Run]) -> View:
    """Show the settings, the best on the validation rows first, and say which are chosen."""
    split, n = runs[0].training.split.description, len(found.trials)
    return View(
        title=f"Sweep of {n} setting{'s' if n > 1 else ''} | {runs[0].data.title} | {split}",
        blocks=[table(found.trials, TrialFigures, "", without(found))],
        records=found.rows(),
        body=nested(found),
        caption=chosen(found),
        explanation=[
            f"The validation rows are {found.n_validation:,} of the training rows, held out while members are trained "
            "for the validation RMSE; the run itself is trained on all training rows.",
            "Test rows are for display only: nothing is chosen by them.",
            "Of the settings within one standard error of the best (Breiman and others 1984), the most interpretable "
            "has the most named components, then the most real ones, then the highest agreement with the truth. That "
            "is the error of the difference from the best, on the same rows, which is smaller than that of an RMSE.",
        ],
        meta={"runs": [run.meta for run in runs]},
    )


def without(found: Sweep) -> list[str]:
    """Return the columns that say nothing more: settings that the names say, and a posterior that is always the same.

    The posterior does not depend on the settings of the members.
    """
    named = all(trial.setting.replace(", ", "-").replace(" ", "-") in trial.name for trial in found.trials)
    return ["setting"] * named + ["posterior_rmse"] * (common_posterior(found) is not None)


def common_posterior(found: Sweep) -> float | None:
    """Return the test RMSE of the posterior if it is the same for all settings, and there are several."""
    errors = {trial.posterior_rmse for trial in found.trials}
    return errors.pop() if len(errors) == 1 and len(found.trials) > 1 else None


def chosen(found: Sweep) -> str:
    """Name the best setting, and the most interpretable one within one standard error, and what is common to all."""
    interpretable = "most interpretable within one standard error (i)"
    parts = [f"best by validation (b): {found.best}"]
    if found.best == found.most_interpretable:
        parts = [f"best by validation (b), and {interpretable}: {found.best}"]
    elif found.most_interpretable is not None:
        parts.append(f"{interpretable}: {found.most_interpretable}")
    parts.append(f"standard error of its validation RMSE {found.trials[0].standard_error:.4f}")
    if (posterior := common_posterior(found)) is not None:
        parts.append(f"posterior test RMSE {posterior:.4f} for all settings")
    return " | ".join(parts)


def folds(found: CrossValidation, runs: Sequence[Run]) -> View:
    """Show the errors of the folds, with their mean and spread."""
    return View(
        title=f"Cross-validation in {len(runs)} folds | {runs[0].data.title} | {runs[0].training.protocol}",
        blocks=[table([*found.folds, *found.summary], FoldFigures)],
        records=found.rows(),
        body=nested(found),
        caption="mean and spread (standard deviation) over the folds | each fold is a run: embedcli runs list",
        meta={"runs": [run.meta for run in runs]},
    )
