"""How runs are shown: the summary of one, and the list of all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from embedcli.analysis.decay import TOO_LITTLE, TOO_STEEP, TOO_WEAK, DecayVerdict, judge_decay
from embedcli.analysis.record import Tone, Verdict, column, decimal, name, nested, text, whole
from embedcli.data.text import shorten
from embedcli.render.view import Block, View, table
from embedcli.run.record import BIASES, MEAN, POSTERIOR, WITH_TIMES, Run
from embedcli.run.shelf import Entry

FEWEST_EFFECTIVE = 50  # draws
DAMAGED = "damaged: run.json cannot be read"
OLDER = "of an older embedcli: train again"


def _minute(created: str | None) -> str:
    """Write a time for people, in UTC."""
    return f"{_utc(created) or '':.16} UTC".replace("T", " ", 1) if created else ""


class ScoreColumns:
    """How the fields of a `Score` are shown."""

    model: Annotated[str, text("")]
    auc: Annotated[float, decimal("AUC", "probability that a row taken is predicted higher than one sampled", 3)]
    rmse: Annotated[float, decimal("RMSE", "root mean squared error on the test rows", 3)]
    mae: Annotated[float, decimal("MAE", "mean absolute error on the test rows", 3)]


class EpochColumns:
    """How the fields of an `Epoch` are shown."""

    epoch: Annotated[int, whole("epoch")]
    train_rmse: Annotated[float, decimal("train", "RMSE of training rows at the end of the epoch", 3)]
    test_rmse: Annotated[float | None, decimal("test", "RMSE of the test rows", 3)]
    seconds: Annotated[float, decimal("seconds", digits=1)]


@dataclass(frozen=True)
class ListedRun:
    """A run in the list of all."""

    name: Annotated[str, name("run")]
    data_set: Annotated[str | None, text("data set")]
    split: Annotated[str | None, text("split")]
    n_members: Annotated[int | None, whole("M", "number of members")]
    n_factors: Annotated[int | None, whole("K", "number of factors")]
    weight_decay: Annotated[float | None, decimal("decay", "weight decay")]
    seed: int | None
    test_rmse: Annotated[float | None, decimal("RMSE", "of all members averaged, over the test rows", 3, is_kept=True)]
    created: Annotated[str | None, column("created", "", _minute, is_number=False, is_name=True)]
    path: str
    damaged: bool
    older: bool


@dataclass(frozen=True)
class RunProblem:
    """What is wrong with a file of a run."""

    run: Annotated[str, name("run")]
    file: Annotated[str, text("file")]
    problem: Annotated[str, text("what is wrong")]


def summary(run: Run, path: Path) -> View:
    """Show the result of a training: the errors of the model beside those of the baselines."""
    scores, judged = run.training.scores, judge_decay(run)
    use, *further = of_posterior(run)
    return View(
        title=" | ".join((run.data.title, *_settings(run))),
        blocks=[table(scores, ScoreColumns) if scores else Block(lines=_without_test(run))],
        caption=use,
        explanation=[*about_decay(judged), *further, *protocol(run)],
        verdict=verdict(run, judged),
        records=[asdict(score) for score in scores],
        body={**_body(run, path), "decay": nested(judged)},
        meta=run.meta,
    )


def protocol(run: Run) -> list[str]:
    """Say how the errors were measured, and what a split in time tells the training."""
    split = run.training.split
    if not run.training.scores:
        return []
    if not split.leakage:
        return [f"{run.training.protocol}."]
    cold = f"{split.n_cold_users:,} of users and {split.n_cold_items:,} of items without training ratings"
    return [f"{run.training.protocol}.", f"{split.description}: {split.leakage}. Cold test rows: {cold}."]


def of_posterior(run: Run) -> list[str]:
    """Say what the posterior is for, first in short, and what it rests on."""
    info = run.training.posterior
    if info is None or not info.n_states:
        return [""]
    use = "recommend and predict use the posterior"
    if info.n_effective < FEWEST_EFFECTIVE:
        use += f" | its stars are worth at most {info.n_effective:.0f} independent draws"
    lines = [
        f"The stars of the posterior are worth at most {info.n_effective:.0f} independent draws of {info.n_draws}."
    ]
    if info.neighbour_weight is not None:
        weight = f"{info.neighbour_weight:.2f} (standard error {info.neighbour_error:.2f})"
        verdict = "used" if info.neighbours_used else "not used: it is not above two standard errors"
        lines.append(f"Weight of the residuals of like-minded users, on held-out training rows: {weight}, {verdict}.")
    if (times := info.times) is not None:
        share = times.n_same_second / (times.n_same_second + times.n_rest)
        parts = [("same page", times.same_second_without, times.same_second), ("rest", times.rest_without, times.rest)]
        changes = ", ".join(f"{name} {before:.3f} to {after:.3f}" for name, before, after in parts if before and after)
        use += f" | time known: {changes}"
        lines.append(f"Same page: {share:.0%} of test rows have a training row of their user in the same second.")
    return [use, *lines]


def verdict(run: Run, decay: DecayVerdict | None) -> Verdict | None:
    """Say whether the training was of use, or else whether its weight decay suits the data."""
    return _uselessness(run) or (decay.judged if decay else None)


def _uselessness(run: Run) -> Verdict | None:
    """Say so if the model predicts the test rows no better than a baseline without factors."""
    if len(run.training.scores) < 3:
        return None
    key, name, sign = ("auc", "AUC", -1) if run.data.implicit else ("rmse", "RMSE", 1)
    of_model = {score.model: getattr(score, key) for score in run.training.scores}
    assert run.training.model_score is not None
    own = getattr(run.training.model_score, key)
    baselines = {MEAN: "the model learned nothing of use", BIASES: "the factors do not help"}
    for baseline, what in baselines.items():
        reached = of_model.get(baseline)
        if reached is not None and own is not None and sign * own >= sign * reached:
            figures = f"{name} {own:.3f}, not better than {reached:.3f} of the {baseline}"
            return Verdict(Tone.CAUTION, what, figures)
    return None


def about_decay(verdict: DecayVerdict | None) -> list[str]:
    """Give the reasons of the verdict on the weight decay."""
    sentences: list[str] = []
    if verdict is None:
        return sentences
    if verdict.slope is not None:
        sentences.append(
            f"Held-out slope of component 1 {verdict.slope:.2f} (1 = calibrated, below {TOO_LITTLE:g}: too little, "
            f"above {TOO_STEEP:g}: too much)."
        )
    if verdict.strength is not None:
        sentences.append(
            f"The trained tastes are {100 * verdict.strength:.0f} % as strong as the posterior's "
            f"(below {100 * TOO_WEAK:.0f} %: too much)."
        )
    return sentences


def facts(run: Run, path: Path) -> dict[str, str]:
    """Return how a run came about, by name."""
    training, n = run.training, run.training.split.n_train
    known = {
        "path": str(path),
        "created": _minute(run.created),
        "command": run.command or "(none: made from Python)",
        "data": f"{run.data.title}, {f'{n:,} training rows, ' if n else ''}from {run.data.source}",
        "sha256": f"{run.data.sha256[:16]}...",
        "split": training.split.description,
        **{key: _written(value) for key, value in training.settings.items()},
        "shrinkage": ", ".join(f"{role} {value:.2f}" for role, value in training.shrinkage.items()),
        "arrays": ", ".join(f"{name} {run.shape(name)}" for name in sorted(run.arrays)),
        "versions": ", ".join(f"{name} {number}" for name, number in training.versions.items()),
        "trained in": f"{training.seconds:.1f} s" if training.config else "",
    }
    return {key: value for key, value in known.items() if value}


def details(run: Run, path: Path) -> View:
    """Show everything that a run records about itself."""
    body = {**_body(run, path), "arrays": {name: run.shape(name) for name in sorted(run.arrays)}}
    judged, (use, *further) = judge_decay(run), of_posterior(run)
    tables = (table(run.training.epochs, EpochColumns), table(run.training.scores, ScoreColumns))
    return View(
        title=f"run {run.name} | {run.data.title}",
        blocks=[Block(lines=list(facts(run, path).items())), *(block for block in tables if block.rows)],
        caption=use,
        explanation=[*about_decay(judged), *further, *protocol(run)],
        verdict=verdict(run, judged),
        records=[{"key": key, "value": value} for key, value in _leaves(body)],
        body=body,
        meta=run.meta,
    )


def replaced(before: Run, after: Run) -> list[str]:
    """Say which titles of a run a table of items replaced, and what its new tags do not change."""
    notes, noun = [], after.data.noun
    pairs = zip(before.items.ids, before.items.titles, after.items.titles, strict=True)
    titles = [(old, new) for own, old, new in pairs if own != old != new]
    if titles:
        old, new = map(shorten, titles[0])
        others = f"{len(titles):,} of {len(after.items):,} {noun}s had other titles"
        notes.append(f"note: {others}, such as {old!r}, which is now {new!r}")
    if before.items.tags != after.items.tags:
        notes.append("note: tastes for tags are still those of the training: for the new tags, train again")
    return notes


def shelf(entries: Sequence[Entry], run_dir: Path) -> View:
    """List runs, the newest first, each with the test error of its averaged members."""
    runs = [_listed(entry) for entry in entries]
    shown = [replace(run, data_set=DAMAGED if run.damaged else OLDER if run.older else run.data_set) for run in runs]
    return View(
        title=f"{len(runs)} run{'' if len(runs) == 1 else 's'} in {run_dir}, the newest first",
        blocks=[table(shown, ListedRun)],
        caption="" if runs else "train one: embedcli train",
        records=nested(runs),
        body={"runs": nested(runs)},
    )


def checks(problems: Mapping[Path, Mapping[str, str]], run_dir: Path) -> View:
    """Show what is damaged in each run, by file."""
    rows = [RunProblem(run.name, file, what) for run, of_run in problems.items() for file, what in of_run.items()]
    n_bad = sum(bool(of_run) for of_run in problems.values())
    verdict = f"{len(problems)} run{'' if len(problems) == 1 else 's'} checked, {n_bad or 'none'} damaged"
    return View(
        title=f"{run_dir}: {verdict if problems else 'no run'}",
        blocks=[table(rows, RunProblem)],
        records=nested(rows),
        body={"n_runs": len(problems), "n_damaged": n_bad, "problems": nested(rows)},
    )


def _listed(entry: Entry) -> ListedRun:
    training = entry.about.get("training", {})
    config, split, scores = (training.get(key) or {} for key in ("config", "split", "scores"))
    return ListedRun(
        name=entry.name,
        data_set=entry.about.get("data", {}).get("title"),
        split=split.get("description"),
        **{key: config.get(key) for key in ("n_members", "n_factors", "weight_decay", "seed")},
        test_rmse=next(
            (score["rmse"] for score in reversed(scores or []) if score["model"] not in (POSTERIOR, WITH_TIMES)), None
        ),
        created=_utc(entry.about.get("created")),
        path=str(entry.path),
        damaged=not entry.about,
        older=entry.is_older,
    )


def _settings(run: Run) -> list[str]:
    decay, to = run.training.weight_decay, run.training.aligned_to
    return [
        run.training.split.description,
        f"{run.n_members} member{'s' if run.n_members > 1 else ''} x {run.shape('item_factors')[2]} factors",
        f"weight decay {'unknown' if decay is None else decay}",
        *([] if to is None else [f"aligned to {to}"]),
    ]


def _without_test(run: Run) -> list[tuple[str, str]]:
    epochs = run.training.epochs
    last = f", training RMSE {epochs[-1].train_rmse:.3f}" if epochs else ""
    return [("", f"trained on all {run.training.split.n_train:,} ratings{last}; none is left to test on")]


def _body(run: Run, path: Path) -> dict[str, Any]:
    return {
        "path": str(path),
        "created": _utc(run.created),
        "command": run.command,
        "data": asdict(run.data),
        "link": run.link,
        **asdict(run.training),
        "config": run.training.settings,
    }


def _utc(created: str | None) -> str | None:
    """Return a time in ISO format as one in UTC."""
    return datetime.fromisoformat(created).astimezone(UTC).isoformat() if created else None


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) for each value of nested data."""
    if isinstance(value, Mapping | list | tuple):
        for part, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _leaves(inner, f"{key}.{part}" if key else str(part))
    else:
        yield key, value


def _written(value: Any) -> str:
    return " to ".join(f"{end:g}" for end in value) if isinstance(value, list | tuple) else str(value)
