"""Runs: what a training leaves behind, on disk and in memory."""

from embedcli.run.record import Epoch, Run, Score, Seen, Training
from embedcli.run.shelf import entries, open_run, path_of
from embedcli.run.store import DEFAULT_DIR, check_name, check_writable, load, save

__all__ = [
    "DEFAULT_DIR",
    "Epoch",
    "Run",
    "Score",
    "Seen",
    "Training",
    "check_name",
    "check_writable",
    "entries",
    "load",
    "open_run",
    "path_of",
    "save",
]
