"""What imports what: seconds of a user's time hang on it."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import embedcli
from embedcli.run.record import Run
from embedcli.run.store import save

HEAVY = {"torch", "sklearn", "scipy", "pandas", "numpy", "rich", "pyarrow", "matplotlib", "jinja2", "bokeh"}
SLOW = {"torch", "sklearn", "scipy", "pandas", "matplotlib"}
DRAWING = SLOW - {"matplotlib"} | {"bokeh", "matplotlib.pyplot"}  # what a picture does without
SPY = """
import json, sys
from embedcli.cli import app
loaded = []
for command in json.loads(sys.argv[1]):
    sys.argv = ["embedcli", *command]
    try:
        app()
    except SystemExit as stop:
        assert stop.code in (0, None), command
    loaded.append(sorted({name.partition(".")[0] for name in sys.modules} | {"matplotlib.pyplot"} & set(sys.modules)))
print(json.dumps(loaded), file=sys.stderr)
"""
# All run in one process, one after another: what a command must not load, none before it may have loaded either.
COMMANDS = (
    *[(command, HEAVY) for command in ("--help", "train --help", "biases --help", "data path -h")],
    ("biases --format csv", SLOW | {"rich"}),
    *[(command, SLOW) for command in ("biases --worst", "similar 'Made Film 8'", "recommend --user 1")],
    *[(command, SLOW) for command in ("runs list", "runs show", "data list")],
    *[(command, SLOW | {"bokeh"}) for command in ("pca", "explain 1 8", "axis --from 8 --to 9", "probe", "map")],
    *[
        (command, SLOW | {"bokeh"})
        for command in ("compare made made", "evaluate", "recommend --like 8", "report --sections ranking,axes")
    ],
    *[(f"export -o made.{ending}", SLOW | {"bokeh"}) for ending in ("npz", "csv")],
    ("map -o map.png", DRAWING),
    *[
        (command, {"torch", "bokeh", "matplotlib.pyplot"})
        for command in ("export -o made.parquet", "predict --all-users", "clusters", "report", "map --method tsne")
    ],
)


@pytest.fixture(scope="module")
def loaded(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Return the top-level modules that a fresh process has loaded after each command."""
    folder = tmp_path_factory.mktemp("commands")
    save(trained, folder / "runs")
    spy = [sys.executable, "-c", SPY, json.dumps([shlex.split(command) for command, _ in COMMANDS])]
    done = subprocess.run(spy, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    after = json.loads(done.stderr.splitlines()[-1])
    return {command: set(modules) for (command, _), modules in zip(COMMANDS, after, strict=True)}


@pytest.mark.parametrize(("command", "absent"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_commands_load_what_they_need(loaded: dict[str, set[str]], command: str, absent: set[str]) -> None:
    """Help loads nothing heavy, only groups and t-SNE load scikit-learn (and with it scipy), and none loads torch."""
    assert loaded[command].isdisjoint(absent)


def test_few_analyses_read_the_test_rows() -> None:
    """Of what works on a run, comparisons, evaluations and the errors of a report alone read the test rows."""
    root, reads = Path(embedcli.__file__).parent, re.compile(r"\.heldout\b|\bheldout_of\b")
    files = [path for room in ("analysis", "render", "cli") for path in (root / room).rglob("*.py")]
    readers = {path.name for path in files if reads.search(path.read_text(encoding="utf-8"))}
    assert readers == {"accuracy.py", "compare.py", "evaluate.py"}


def test_evidence_needs_no_torch() -> None:
    """The assessment of a training, and the evidence that it asks for, load no torch."""
    code = "import sys, embedcli.training.assess; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_importing_the_package_is_free() -> None:
    """`import embedcli` loads nothing heavy, and its names are fetched when they are used."""
    code = "import sys, embedcli; print(sorted(sys.modules)); assert embedcli.TrainConfig().n_members"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(eval(done.stdout))


def test_every_public_name_is_there() -> None:
    """Each name of the Python API can be fetched, and an unknown one is an AttributeError."""
    import embedcli

    for name in embedcli.__all__:
        assert getattr(embedcli, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = embedcli.nonsense
