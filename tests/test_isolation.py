"""Nothing in the working folder runs: neither by `python -m embedcli` nor by the command `embedcli`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import embedcli

HOME = Path(embedcli.__file__).parents[1]
# modules that embedcli, or something that it imports, imports; Python itself has imported none of them by then
TRAPS = ("__future__", "typing", "dataclasses", "json", "pathlib", "shutil", "inspect", "tempfile", "subprocess")
TRAPS += ("typer", "rich", "numpy", "platformdirs", "sklearn")
SCRIPT = "import sys\nfrom embedcli.__main__ import main\nsys.exit(main())\n"  # what an installer writes


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Return a folder with a file for each trap, in it and below it; a trap that runs stops the program."""
    for folder in (tmp_path / "hostile", tmp_path / "hostile" / "sub"):
        folder.mkdir()
        for name in TRAPS:
            (folder / f"{name}.py").write_text(f"raise SystemExit('{name} of the working folder ran')")
    return tmp_path / "hostile"


@pytest.mark.parametrize("search", [(), ("", ".", "sub")], ids=["no others", "relative"])
@pytest.mark.parametrize("program", ["module", "command"])
def test_nothing_of_the_working_folder_runs(
    hostile: Path, tmp_path: Path, program: str, search: tuple[str, ...]
) -> None:
    """A module in the working folder is not imported, also if PYTHONPATH has an empty and relative entries."""
    script = tmp_path / "embedcli"
    script.write_text(SCRIPT)
    command = ["-m", "embedcli"] if program == "module" else [str(script)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((*search, str(HOME)))}
    done = subprocess.run(
        [sys.executable, *command, "data", "list", "--format", "csv"],
        cwd=hostile,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("name,")


@pytest.mark.parametrize("search", [None, ".", str(HOME)])
def test_package_in_the_working_folder_is_found(search: str | None) -> None:
    """In a clone `python -m embedcli` works, installed or not."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if search is not None:
        environment["PYTHONPATH"] = search
    done = subprocess.run(
        [sys.executable, "-m", "embedcli", "data", "list"], cwd=HOME, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_folder_that_was_deleted(tmp_path: Path) -> None:
    """In a folder that another process deleted the program still starts."""
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD"; exec "$0" -m embedcli --version', sys.executable],
        cwd=tmp_path / "gone",
        env=os.environ | {"PYTHONPATH": str(HOME)},
        capture_output=True,
        text=True,
    )
    assert (done.stderr, done.stdout) == ("", f"embedcli {embedcli.__version__}\n")


def test_interrupt_while_loading_is_a_word() -> None:
    """Ctrl-C before the command line is loaded ends with exit code 130 and two lines, not a traceback."""
    code = """
import sys
from embedcli.__main__ import main
class Stop:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("embedcli.cli"):
            raise KeyboardInterrupt
sys.meta_path.insert(0, Stop())
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (130, "error: interrupted")
    assert "Traceback" not in done.stderr


def test_interrupt_before_the_command_is_a_word() -> None:
    """Ctrl-C while Typer makes the commands, before a command runs, ends the same way."""
    code = """
import typer.main
from embedcli.__main__ import main
def stop(*args):
    raise KeyboardInterrupt
typer.main.get_command = stop
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (130, "error: interrupted")
