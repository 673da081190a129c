"""How the trials of a sweep and the folds of a cross-validation are shown."""

from collections.abc import Sequence

from embedcli.analysis.record import nested
from embedcli.analysis.sweep import CrossValidation, FoldFigures, Sweep, TrialFigures
from embedcli.render.view import View, table
from embedcli.run.record import Run


def view(found: Sweep, runs: Sequence[Run]) -> View:
    """Show the settings, the best on the validation rows first, and say which are chosen."""
    split = runs[0].training.split.description
    return View(
        title=f"Sweep of {len(found.trials)} settings | {runs[0].data.title} | {split}",
        blocks=[table(found.trials, TrialFigures, "", () if len(found.trials) > 1 else ("setting",))],
        records=found.rows(),
        body=nested(found),
        caption=chosen(found),
        explanation=[
            f"The validation rows are {found.n_validation:,} of the training rows, held out while members are trained "
            "for the validation RMSE; the run itself is trained on all training rows.",
            "Test rows are for display only: nothing is chosen by them.",
            "Of the settings within one standard error of the best (Breiman and others 1984), the most interpretable "
            "has the most named components, then the most real ones, then the highest agreement with the truth.",
        ],
        meta={"runs": [run.meta for run in runs]},
    )


def chosen(found: Sweep) -> str:
    """Name the best setting, and the most interpretable one within one standard error."""
    if found.best == found.most_interpretable:
        return f"best by validation (b), and most interpretable within one standard error (i): {found.best}"
    return (
        f"best by validation (b): {found.best} | most interpretable within one standard error, {found.limit:.4f} (i): "
        f"{found.most_interpretable}"
    )


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
