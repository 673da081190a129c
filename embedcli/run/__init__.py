"""Runs: what a training leaves behind, in memory and on disk. Import from the modules."""

from pathlib import Path

DEFAULT_DIR = Path("runs")
