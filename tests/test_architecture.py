"""What imports what: seconds of a user's time hang on it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from embedcli.run.record import Run

HEAVY = {"torch", "sklearn", "scipy", "pandas", "numpy", "rich", "pyarrow", "matplotlib", "jinja2"}
SPY = """
import json, sys
sys.argv = ["embedcli", *json.loads(sys.argv[1])]
from embedcli.cli import main
try:
    main()
except SystemExit as stop:
    code = stop.code
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


def modules_of(*command: str) -> set[str]:
    """Run a command in a fresh process and return the top-level modules it has loaded."""
    spy = [sys.executable, "-c", SPY, json.dumps(command)]
    done = subprocess.run(spy, capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code in (0, None), done.stderr
    return set(modules)


@pytest.mark.parametrize("command", [("--help",), ("train", "--help"), ("biases", "--help"), ("data", "path", "-h")])
def test_help_imports_nothing_heavy(command: tuple[str, ...]) -> None:
    """Help and completion load neither numpy nor anything slower."""
    assert modules_of(*command).isdisjoint(HEAVY)


@pytest.mark.parametrize(
    ("command", "absent"),
    [
        (("biases", "--worst"), {"torch", "sklearn", "scipy", "pandas"}),
        (("biases", "--format", "csv"), {"torch", "sklearn", "scipy", "pandas", "rich"}),
        (("pca",), {"torch", "sklearn"}),
        (("similar", "Made Film 8"), {"torch", "sklearn", "scipy", "pandas", "matplotlib"}),
        (("recommend", "--user", "1"), {"torch", "sklearn", "scipy", "pandas", "matplotlib"}),
        *(
            (command, {"torch", "plotly"})
            for command in (
                ("explain", "1", "8"),
                ("axis", "--from", "8", "--to", "9"),
                ("probe",),
                ("clusters",),
                ("compare", "made", "made"),
                ("map",),
                ("map", "-o", "map.png"),
                ("report",),
            )
        ),
        (("runs", "list"), {"torch", "sklearn", "scipy", "pandas"}),
        (("runs", "show"), {"torch", "sklearn", "scipy", "pandas"}),
        (("data", "list"), {"torch", "sklearn", "scipy", "pandas"}),
    ],
)
def test_analyses_never_load_torch(saved: Run, command: tuple[str, ...], absent: set[str]) -> None:
    """No command but `train` loads torch, and scikit-learn is loaded by probe, clusters and t-SNE alone."""
    assert modules_of(*command).isdisjoint(absent)


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
