"""The runs of a folder, and the one that a command means."""

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
    """A run directory and the content of its run.json; `about` is empty if it cannot be read."""

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
    return sorted(map(_entry, folders_of_runs(run_dir)), key=lambda entry: (-entry.created, entry.name))


def path_of(which: str | None = None, run_dir: Path = DEFAULT_DIR) -> Path:
    """Return the directory of a run by name or path; by default EMBEDCLI_RUN, else the newest run.

    Raises UsageError, with the names there are, for an unknown run, and RunError if there is no run at all.
    """
    by_variable = "" if which else os.environ.get("EMBEDCLI_RUN", "")
    which = which or by_variable or None
    if which is None:
        runs = entries(run_dir)
        if not runs:
            raise RunError(f"there is no run in {run_dir} yet", "train one first: embedcli train")
        return runs[0].path
    return named(which, run_dir, ", which EMBEDCLI_RUN asks for" if by_variable else "")


def named(which: str, run_dir: Path = DEFAULT_DIR, why: str = "") -> Path:
    """Return the directory of a run by name or path; UsageError, with the names there are, for an unknown one."""
    for path in (run_dir / which, Path(which)):
        if which and path.is_dir():
            return path
    names = [entry.name for entry in entries(run_dir)]
    raise UsageError(
        f"there is no run {which!r} in {run_dir}{why}",
        f"the runs are: {', '.join(names[:8])}" if names else "train one first: embedcli train",
    )


def open_run(run: str | Path | None = None, run_dir: str | Path = DEFAULT_DIR) -> Run:
    """Load a run by name or path; by default EMBEDCLI_RUN, else the newest.

        run = embedcli.open_run("ml-100k")
        run = embedcli.open_run("/data/runs/ml-100k")

    Raises UsageError for an unknown run, and RunError if there is none, or if it is damaged.
    """
    path = path_of(None if run is None else str(run), Path(run_dir))
    return replace(load(path), is_one_of_several=len(folders_of_runs(path.absolute().parent)) > 1)


def folders_of_runs(run_dir: Path) -> list[Path]:
    """Return the folders below `run_dir` that hold a run; none if it cannot be read."""
    try:
        folders = [folder for folder in run_dir.iterdir() if folder.is_dir() and not folder.name.startswith(".")]
    except OSError:
        return []
    return [here for here in folders if (here / "run.json").exists() or (here / "model.safetensors").exists()]


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
    try:
        training, texts = about["training"], [about["created"], about["data"]["title"]]
        numbers = [training["config"].get(name) or 0 for name in ("n_members", "n_factors", "weight_decay", "seed")]
        numbers += [score["rmse"] for score in training["scores"]]
        texts.append(training["split"].get("description", ""))
        return all(isinstance(text, str) for text in texts) and all(map(math.isfinite, numbers))
    except (AttributeError, KeyError, TypeError):
        return False
