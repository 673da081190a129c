"""How runs are shown: the summary of one, and the list of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from embedcli.analysis.decay import MANY, TOO_LITTLE, TOO_MUCH, TOO_STEEP, DecayVerdict, judge_decay
from embedcli.analysis.record import Column
from embedcli.render.view import Block, View, decimal, name, text, whole
from embedcli.run.record import Run
from embedcli.run.shelf import Entry

DAMAGED = "damaged: run.json cannot be read"
OLDER = "of an older embedcli: train again"
ERRORS = (text("model", ""), decimal("rmse", "RMSE", 3), decimal("mae", "MAE", 3))
OF_IMPLICIT = (text("model", ""), decimal("auc", "AUC", 3), *ERRORS[1:])
EPOCHS = (
    whole("epoch", "epoch"),
    decimal("train_rmse", "train", 3),
    decimal("test_rmse", "test", 3),
    decimal("seconds", "seconds", 1),
)


def summary(run: Run, path: Path) -> View:
    """Show what a training came to: the errors of the model beside those of the baselines."""
    scores = [asdict(score) for score in run.training.scores]
    judged = judge_decay(run)
    block = Block(columns=_errors(run), rows=scores) if scores else Block(lines=_without_test(run))
    return View(
        title=" | ".join((run.data.title, *_settings(run))),
        blocks=[block],
        captions=[*_usefulness(run), *protocol(run), *decay(judged, run.data.noun)],
        records=scores,
        body={**_body(run, path), "decay": None if judged is None else asdict(judged)},
        meta=run.meta,
    )


def _errors(run: Run) -> tuple[Column, ...]:
    return OF_IMPLICIT if run.data.implicit else ERRORS


def protocol(run: Run) -> list[str]:
    """Say how the errors were measured, and what a split in time lets the training know."""
    training = run.training
    if not training.scores:
        return []
    lines = [f"{training.protocol}."]
    if leakage := training.split.leakage:
        cold = " and ".join(f"{getattr(training.split, f'n_cold_{side}'):,} of {side}" for side in ("users", "items"))
        lines.append(f"{training.split.description}: {leakage}. Cold test rows: {cold} without training ratings.")
    return lines


def _usefulness(run: Run) -> list[str]:
    """Say so if the model predicts the test rows no better than what needs no factors."""
    scores = {score.model: score for score in run.training.scores}
    if len(scores) < 3:
        return []
    key, name, sign = ("auc", "AUC", -1) if run.data.implicit else ("rmse", "RMSE", 1)
    model = list(scores.values())[-1]
    figures = {score.model: getattr(score, key) for score in scores.values()}
    for baseline in ("global mean", "user + item bias"):
        reached, own = figures.get(baseline), figures[model.model]
        if reached is not None and own is not None and sign * own >= sign * reached:
            what = "the model learned nothing of use" if baseline == "global mean" else "the factors do not help"
            return [f"{what}: {name} {own:.3f}, not better than {reached:.3f} of the {baseline} alone."]
    return []


def decay(found: DecayVerdict | None, noun: str) -> list[str]:
    """Say whether the weight decay suits the data, by which signs, what to try, and what fastai's amounts to."""
    if found is None:
        return []
    signs = []
    if found.slope is not None:
        signs.append(
            f"held-out slope of component 1 {found.slope:.2f} (1 = calibrated, below {TOO_LITTLE:g}: too little, above "
            f"{TOO_STEEP:g}: too much)"
        )
    if found.outside_many is not None:
        signs.append(
            f"{100 * found.outside_many:.1f} % of {noun}s with {MANY} ratings or more outside their interval (above "
            f"{100 * TOO_MUCH:g} %: too much)"
        )
    else:
        signs.append(f"too few {noun}s have {MANY} ratings or more to see too much decay")
    instead = "" if found.suggested is None else f", try --weight-decay {found.suggested:g}"
    lines = [f"weight decay {found.weight_decay:g}: {found.verdict}{instead}. {'; '.join(signs).capitalize()}."]
    if found.lesson is not None:
        lines.append(
            f"fastai's wd=0.1, as in the lesson, shrinks the factors as --weight-decay {found.lesson:.2g} does here."
        )
    return lines


def facts(run: Run, path: Path) -> dict[str, str]:
    """Return what is to be said of how a run came about, by name."""
    training = run.training
    return {
        "path": str(path),
        "created": _minute(run.created),
        "command": run.command or "(none: made from Python)",
        "data": f"{run.data.title}, {training.split.n_train:,} training rows, from {run.data.source}",
        "sha256": run.data.sha256,
        "split": training.split.description,
        **{key: _written(value) for key, value in training.settings.items()},
        "shrinkage": ", ".join(f"{role} {value:.2f}" for role, value in training.shrinkage.items()),
        "arrays": ", ".join(f"{name} {run.shape(name)}" for name in sorted(run.arrays)),
        "versions": ", ".join(f"{name} {number}" for name, number in training.versions.items()),
        "trained in": f"{training.seconds:.1f} s",
    }


def details(run: Run, path: Path) -> View:
    """Show all that a run says of itself."""
    training = run.training
    epochs, scores = (
        [asdict(epoch) for epoch in training.epochs],
        [asdict(score) for score in training.scores],
    )
    rows = [{"key": key, "value": value} for key, value in facts(run, path).items()]
    body = {**_body(run, path), "arrays": {name: run.shape(name) for name in sorted(run.arrays)}}
    return View(
        title=f"run {run.name} | {run.data.title}",
        blocks=[
            Block(columns=(text("key", ""), text("value", "")), rows=rows),
            Block(columns=EPOCHS, rows=epochs),
            Block(columns=_errors(run), rows=scores),
        ],
        captions=protocol(run),
        records=[{"key": key, "value": value} for key, value in _leaves(body)],
        body=body,
        meta=run.meta,
    )


def shelf(entries: Sequence[Entry], run_dir: Path) -> View:
    """List runs, the newest first, each with the test error of its averaged members."""
    rows = [_shelf_row(entry) for entry in entries]
    shown = [
        {**row, "data_set": DAMAGED if row["damaged"] else OLDER if row["older"] else row["data_set"]} for row in rows
    ]
    columns = (
        name("name", "run"),
        text("data_set", "data set"),
        text("split", "split"),
        whole("n_members", "M"),
        whole("n_factors", "K"),
        decimal("weight_decay", "decay"),
        decimal("test_rmse", "RMSE", 3),
        Column("created", "created", _minute, is_number=False, is_name=True),
    )
    captions = ("M members of K factors; RMSE: of all members averaged, over the test rows.",)
    return View(
        title=f"{len(rows)} run{'' if len(rows) == 1 else 's'} in {run_dir}, the newest first",
        blocks=[Block(columns=columns, rows=shown)],
        captions=captions if rows else ("train one: embedcli train",),
        records=rows,
        body={"runs": rows},
    )


def checks(found: Mapping[Path, Mapping[str, str]], run_dir: Path) -> View:
    """Show what is damaged in each run, by file."""
    rows = [
        {"run": folder.name, "file": file, "problem": problem}
        for folder, problems in found.items()
        for file, problem in problems.items()
    ]
    n_bad = sum(bool(problems) for problems in found.values())
    verdict = f"{len(found)} run{'' if len(found) == 1 else 's'} checked, {n_bad or 'none'} damaged"
    return View(
        title=f"{run_dir}: {verdict if found else 'no run'}",
        blocks=[Block(columns=(name("run", "run"), text("file", "file"), text("problem", "what is wrong")), rows=rows)],
        records=rows,
        body={"n_runs": len(found), "n_damaged": n_bad, "problems": rows},
    )


def _shelf_row(entry: Entry) -> dict[str, Any]:
    training = entry.about.get("training", {})
    config, split, scores = (training.get(key) or {} for key in ("config", "split", "scores"))
    return {
        "name": entry.name,
        "data_set": entry.about.get("data", {}).get("title"),
        "split": split.get("description"),
        "n_members": config.get("n_members"),
        "n_factors": config.get("n_factors"),
        "weight_decay": config.get("weight_decay"),
        "seed": config.get("seed"),
        "test_rmse": scores[-1]["rmse"] if scores else None,
        "created": _utc(entry.about.get("created")),
        "path": str(entry.path),
        "damaged": not entry.about,
        "older": entry.is_older,
    }


def _settings(run: Run) -> list[str]:
    decay = run.training.weight_decay
    return [
        run.training.split.description,
        f"{run.n_members} member{'s' if run.n_members > 1 else ''} x {run.shape('item_factors')[2]} factors",
        f"weight decay {'unknown' if decay is None else decay}",
    ]


def _without_test(run: Run) -> list[tuple[str, str]]:
    training = run.training
    last = f", training RMSE {training.epochs[-1].train_rmse:.3f}" if training.epochs else ""
    return [("", f"trained on all {training.split.n_train:,} ratings{last}; none is left to test on")]


def _body(run: Run, path: Path) -> dict[str, Any]:
    training = asdict(run.training) | {"config": run.training.settings}
    return {
        "path": str(path),
        "created": _utc(run.created),
        "command": run.command,
        "data": asdict(run.data),
        "link": run.link,
        **training,
    }


def _utc(created: str | None) -> str | None:
    """Return a time in ISO format as one in UTC."""
    return datetime.fromisoformat(created).astimezone(UTC).isoformat() if created else None


def _minute(created: str | None) -> str:
    """Write a time for people, in UTC."""
    return f"{_utc(created) or '':.16} UTC".replace("T", " ", 1) if created else ""


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) for each value of nested data."""
    if not isinstance(value, Mapping | list | tuple):
        yield key, value
        return
    parts = value.items() if isinstance(value, Mapping) else enumerate(value)
    for part, inner in parts:
        yield from _leaves(inner, f"{key}.{part}" if key else str(part))


def _written(value: Any) -> str:
    return " to ".join(f"{end:g}" for end in value) if isinstance(value, list | tuple) else str(value)
