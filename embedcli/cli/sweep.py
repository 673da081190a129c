"""`embedcli sweep`: train with several settings, and choose one by held-out training rows."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator
from copy import copy
from dataclasses import fields, make_dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args

from embedcli.cli.answer import PictureAnswer
from embedcli.cli.command import ADVANCED, DATA, command, declare, declared, option
from embedcli.cli.settings import ConfiguredCommand, Elsewhere
from embedcli.cli.source import Source
from embedcli.cli.train import SaveOptions, SplitOptions
from embedcli.data.read_options import ReadOptions
from embedcli.errors import UsageError
from embedcli.run.config import TrainConfig

if TYPE_CHECKING:
    from types import SimpleNamespace as Grid

    from embedcli.cli.notes import Notes
    from embedcli.run.record import Run
    from embedcli.training.trials import Crew, Trial


def _kind(annotation: Any) -> type | None:
    """Return int or float if the option of a setting takes such a number, else None."""
    kind = get_args(annotation)[0]
    kinds = [own for own in (get_args(kind) or (kind,)) if own is not type(None)]
    return kinds[0] if kinds in ([int], [float]) else None


def _listed(annotation: Any, default: Any) -> Any:
    """Return the option of a setting, which takes several values if it takes a number."""
    _, info = get_args(annotation)
    if _kind(annotation) is None:
        return annotation
    listed = copy(info)
    listed.metavar = f"{info.metavar},..."
    if default is not None:
        listed.help = f"{info.help.removesuffix('.')} (default: {default:g})."
    return Annotated[str | None, listed]


SETTINGS = declared(TrainConfig)
KINDS = {name: _kind(annotation) for name, annotation in SETTINGS.items()}
if not TYPE_CHECKING:
    Grid = make_dataclass(
        "Grid", [(own.name, Any, None if KINDS[own.name] else own.default) for own in fields(TrainConfig)], frozen=True
    )
    declare(Grid, **{name: _listed(own, getattr(TrainConfig, name)) for name, own in SETTINGS.items()})


class SweepCommand(ConfiguredCommand):
    """A command whose help leaves out what `train` has in common with it."""

    rare = (ADVANCED, DATA)


@command(short_help="Try several settings, and choose one by held-out training rows.", cls=SweepCommand)
def sweep(
    elsewhere: Elsewhere,
    source: Source,
    grid: Grid,
    split: SplitOptions,
    options: ReadOptions,
    saving: SaveOptions,
    answer: PictureAnswer,
    *,
    trials: Annotated[
        int | None, option("--trials N", "Let Optuna choose N settings between the lowest and highest values.")
    ] = None,
    jobs: Annotated[int | None, option("--jobs N", "Trainings at a time, a process each (default: the cores).")] = None,
) -> None:
    """Train with several settings, each judged on a tenth of the training rows, and show them in one table.

    \b
    Examples:
      embedcli sweep --weight-decay 0.05,0.1,0.5,1           four settings
      embedcli sweep --weight-decay 0.2,0.4 --factors 20,50  every combination
      embedcli sweep --weight-decay 0.05,2 --trials 20       chosen by Optuna
      embedcli sweep --weight-decay 0.1,0.4,1 -o sweep.png   as a picture

    Each setting trains members for the validation, then a run on all training rows, with its evidence. Posterior and
    axes of tastes are found once if they do not depend on the settings. The same command goes on where it was
    interrupted. Test rows are for display only.
    """
    from embedcli.analysis import sweep as analysis
    from embedcli.cli.trials import carry_out, check_alone, crew_of, plan_of
    from embedcli.data.splits import folds_of
    from embedcli.render.sweep import view
    from embedcli.training.trials import MOST_TRIALS

    check_alone()
    values = values_of(grid)
    configs = combined(grid, values)
    for name, number in (("--jobs", jobs), ("--trials", trials)):
        if number is not None and not 1 <= number <= MOST_TRIALS:
            raise UsageError(f"{name} {number} is not from 1 to {MOST_TRIALS:,}", "give another number")
    if trials is not None:
        _check_optuna(values)
    of_split = split.check(configs[0].seed)
    saving.check()
    answer.keep(*source.paths, options.items, elsewhere.config_file)
    ratings = source.read(options, answer.notes)
    if folds_of(split.split, ratings.data.n_folds):
        raise UsageError(f"--split {split.split} is several splits", "use one, such as --split random")
    if ratings.data.implicit and (
        own := next((own for own in ("seed", "n_negatives") if len(values.get(own, ())) > 1), "")
    ):
        flag = get_args(SETTINGS[own])[1].default
        why = f"with several {flag} of implicit data each setting would be judged on sampled rows of its own"
        raise UsageError(why, f"give one {flag}")
    plan = plan_of(ratings, of_split, saving, validates=True)
    name = saving.name or "sweep"
    with crew_of(plan, trials or len(configs), jobs) as crew:
        if trials is None:
            asked = [trial_of(config, split.split, name, values) for config in configs]
            runs = carry_out(crew, asked, answer.notes)
        else:
            runs = list(_searched(crew, grid, values, trials, split.split, name, answer.notes))
    found = analysis.sweep(runs)
    if answer.picture is None:
        answer.show(view(found, runs))
    else:
        from embedcli.render.pictures.sweep import draw

        answer.save(draw(found, runs, answer.picture, answer.style))


def values_of(grid: Grid) -> dict[str, list[Any]]:
    """Return the values of each setting that is given as a list of numbers; UsageError for what is not a number."""
    found: dict[str, list[Any]] = {}
    for name, kind in KINDS.items():
        text = getattr(grid, name)
        if kind is None or text is None:
            continue
        flag = get_args(SETTINGS[name])[1].default
        try:
            found[name] = list(dict.fromkeys(kind(word) for word in text.split(",")))
        except ValueError:
            what = "whole numbers" if kind is int else "numbers"
            raise UsageError(f"{flag} {shlex.quote(text)} is not a list of {what}", f"write {flag} 1,2") from None
    return found


def combined(grid: Grid, values: dict[str, list[Any]]) -> list[TrainConfig]:
    """Return the settings of every combination of the values; UsageError for an invalid one, or too many."""
    from embedcli.training.trials import MOST_TRIALS

    fixed = {name: getattr(grid, name) for name, kind in KINDS.items() if kind is None}
    rows = list(itertools.islice(itertools.product(*values.values()), MOST_TRIALS + 1))
    if len(rows) > MOST_TRIALS:
        raise UsageError(f"the values make more than {MOST_TRIALS:,} settings", "give fewer, or --trials 50")
    return [TrainConfig(**fixed, **dict(zip(values, row, strict=True))) for row in rows]


def trial_of(config: TrainConfig, split: str, name: str, values: dict[str, list[Any]]) -> Trial:
    """Return the trial of a setting; its run is named after what differs, such as sweep-weight-decay-0.1."""
    from embedcli.training.trials import Trial

    differs = [own for own, given in values.items() if len(given) > 1]
    flags = {own: get_args(SETTINGS[own])[1].default.strip("-") for own in differs}
    words = [f"{flags[own]}-{getattr(config, own):g}" for own in differs]
    return Trial(split, config, "-".join([name, *words]))


def _check_optuna(values: dict[str, list[Any]]) -> None:
    """Raise UsageError if Optuna is missing, or if there is nothing to choose."""
    if not any(len(given) > 1 for given in values.values()):
        raise UsageError("--trials has nothing to choose", "give two values or more, such as --weight-decay 0.05,2")
    try:
        import optuna  # noqa: F401
    except ImportError:
        raise UsageError("--trials needs Optuna", "install it: pip install 'embedcli[optuna]'") from None


def _searched(
    crew: Crew,
    grid: Grid,
    values: dict[str, list[Any]],
    n_trials: int,
    split: str,
    name: str,
    notes: Notes,
) -> Iterator[Run]:
    """Yield the runs of the settings that Optuna asks for, as many at a time as there are processes.

    The same seed, results and number of processes give the same settings: a sweep that was interrupted goes on.
    """
    import optuna

    from embedcli.cli.trials import carry_out

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, constant_liar=True))
    seen: dict[TrainConfig, Run] = {}
    for begin in range(0, n_trials, crew.n):
        asked = [study.ask() for _ in range(min(crew.n, n_trials - begin))]
        configs = [_suggested(own, grid, values) for own in asked]
        new = [config for config in dict.fromkeys(configs) if config not in seen]
        runs = carry_out(crew, [trial_of(config, split, name, values) for config in new], notes)
        seen |= dict(zip(new, runs, strict=True))
        yield from runs
        for own, config in zip(asked, configs, strict=True):
            validation = seen[config].training.validation
            assert validation is not None
            study.tell(own, validation.rmse)


def _suggested(trial: Any, grid: Grid, values: dict[str, list[Any]]) -> TrainConfig:
    """Return the settings that Optuna suggests, on a logarithmic scale if all values are above 0."""
    chosen: dict[str, list[Any]] = {}
    for name, given in values.items():
        low, high, log = min(given), max(given), min(given) > 0
        if low == high:
            chosen[name] = [low]
        elif KINDS[name] is int:
            chosen[name] = [trial.suggest_int(name, low, high, log=log)]
        else:
            chosen[name] = [float(f"{trial.suggest_float(name, low, high, log=log):.3g}")]
    (config,) = combined(grid, chosen)
    return config
