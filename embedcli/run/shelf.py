"""Which runs there are, and which one a command means."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from embedcli.errors import RunError, UsageError
from embedcli.run import DEFAULT_DIR
from embedcli.run.files import SCHEMA_VERSION, read_small
from embedcli.run.record import Run
from embedcli.run.store import load


@dataclass(frozen=True)
class Entry:
    """A run directory and what its run.json says; `about` is empty where that cannot be read."""

    path: Path
    created: float  # seconds since 1970
    about: dict[str, Any]

    @property
    def name(self) -> str:
        """The name `--run` takes."""
        return self.path.name

    @property
    def is_older(self) -> bool:
        """Whether an older embedcli wrote the run, which this one does not read."""
        return bool(self.about) and self.about.get("schema_version") != SCHEMA_VERSION


def entries(run_dir: Path = DEFAULT_DIR) -> list[Entry]:
    """Return the runs of a folder, the newest first; damaged ones stand among them."""
    found = [_entry(folder) for folder in folders_of_runs(run_dir)]
    return sorted(found, key=lambda entry: (-entry.created, entry.name))


def path_of(which: str | None = None, run_dir: Path = DEFAULT_DIR) -> Path:
    """Return the directory of a run by name or path; by default EMBEDCLI_RUN, else the newest run.

    Raises UsageError, with the names there are, for an unknown run, and RunError where there is none at all.
    """
    by_variable = "" if which else os.environ.get("EMBEDCLI_RUN", "")
    which = which or by_variable or None
    runs = entries(run_dir)
    if which is None:
        if not runs:
            raise RunError(f"there is no run in {run_dir} yet", "train one first: embedcli train")
        return runs[0].path
    for path in (run_dir / which, Path(which)):
        if path.is_dir():
            return path
    raise UsageError(
        f"there is no run {which!r} in {run_dir}" + (", which EMBEDCLI_RUN asks for" if by_variable else ""),
        f"the runs are: {', '.join(entry.name for entry in runs[:8])}" if runs else "train one first: embedcli train",
    )


def open_run(which: str | None = None, run_dir: Path = DEFAULT_DIR) -> Run:
    """Load a run by name or path; by default EMBEDCLI_RUN, else the newest."""
    path = path_of(which, run_dir)
    return replace(load(path), is_one_of_several=len(folders_of_runs(path.absolute().parent)) > 1)


def folders_of_runs(run_dir: Path) -> list[Path]:
    """Return the folders below `run_dir` that hold a run; none if it cannot be read."""
    try:
        folders = [folder for folder in run_dir.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    except OSError:
        return []
    return [folder for folder in folders if _looks_like_a_run(folder)]


def _looks_like_a_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("run.json", "model.safetensors"))


def _entry(folder: Path) -> Entry:
    try:
        file = folder / "run.json"
        about: Any = json.loads(read_small(file)) if file.is_file() else None
        if _can_be_listed(about):
            return Entry(folder, datetime.fromisoformat(about["created"]).timestamp(), about)
    except (OSError, ValueError, OverflowError, RecursionError):
        pass
    return Entry(folder, folder.stat().st_mtime, {})


def _can_be_listed(about: Any) -> bool:
    """Tell whether a run.json has what a list of runs shows, in the right types."""
    match about:
        case {
            "created": str(),
            "data": {"title": str()},
            "training": {"config": dict() as config, "split": dict() as split, "scores": list() as scores},
        }:
            numbers = [config.get(name) for name in ("n_members", "n_factors", "weight_decay", "seed")]
            numbers += [score.get("rmse", math.nan) if isinstance(score, dict) else math.nan for score in scores]
            return isinstance(split.get("description", ""), str) and all(
                number is None or (isinstance(number, int | float) and math.isfinite(number)) for number in numbers
            )
    return False
