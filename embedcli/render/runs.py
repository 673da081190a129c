"""How runs are shown: the summary of one, and the list of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from embedcli.render.view import Block, Column, View, decimal, name, text, whole
from embedcli.run.record import Run
from embedcli.run.shelf import Entry

DAMAGED = "damaged: run.json cannot be read"
TOO_LITTLE, TOO_MUCH = 0.65, 1.5  # borne out; on MovieLens 100K at weight decay 0.2 and 2
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
    training = run.training
    scores = [asdict(score) for score in training.scores]
    block = Block(columns=_errors(run), rows=scores) if scores else Block(lines=_without_test(run))
    return View(
        title=" | ".join((run.data.title, *_settings(run))),
        blocks=[block],
        captions=[*protocol(run), *_regularisation(run)],
        records=scores,
        body=_body(run, path),
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
    if leakage := training.split.get("leakage"):
        cold = " and ".join(f"{training.split[f'n_cold_{side}']:,} of {side}" for side in ("users", "items"))
        lines.append(f"{training.split['description']}: {leakage}. Cold test rows: {cold} without training ratings.")
    return lines


def _regularisation(run: Run) -> list[str]:
    """Say whether the weight decay suits the axes, by what ratings left out bear out of the first component."""
    evidence = run.training.evidence
    if evidence is None:
        return []
    if not evidence.pca_tests[0].t > evidence.least_t:
        return ["weight decay: no component predicts ratings left out, so it cannot be judged."]
    found = f"weight decay: ratings left out bear out {evidence.borne_out:.2f} of what the first component claims"
    if evidence.borne_out < TOO_LITTLE:
        return [f"{found}: too little decay for its axes to be stable; give a higher --weight-decay."]
    if evidence.borne_out > TOO_MUCH:
        return [f"{found}: too much decay, the axes are shrunk towards nothing; give a lower --weight-decay."]
    return [f"{found} (1 is right, below {TOO_LITTLE:g} is too little decay)."]


def facts(run: Run, path: Path) -> dict[str, str]:
    """Return what is to be said of how a run came about, by name."""
    training = run.training
    return {
        "path": str(path),
        "created": _minute(run.created),
        "command": run.command or "(none: made from Python)",
        "data": f"{run.data.title}, {training.split.get('n_train', 0):,} training rows, from {run.data.source}",
        "sha256": run.data.sha256,
        "split": training.split.get("description", ""),
        **{key: _written(value) for key, value in training.config.items()},
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
    shown = [{**row, "data_set": DAMAGED if row["damaged"] else row["data_set"]} for row in rows]
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
    }


def _settings(run: Run) -> list[str]:
    config = run.training.config
    return [
        run.training.split.get("description", ""),
        f"{run.n_members} member{'s' if run.n_members > 1 else ''} x {run.shape('item_factors')[2]} factors",
        f"weight decay {config.get('weight_decay', 'unknown')}",
    ]


def _without_test(run: Run) -> list[tuple[str, str]]:
    training = run.training
    last = f", training RMSE {training.epochs[-1].train_rmse:.3f}" if training.epochs else ""
    return [("", f"trained on all {training.split.get('n_train', 0):,} ratings{last}; none is left to test on")]


def _body(run: Run, path: Path) -> dict[str, Any]:
    training = asdict(run.training)
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
