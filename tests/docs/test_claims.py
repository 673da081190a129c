"""What the documentation says of commands, options, arrays, folders and files is so."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pages
import pytest
import typer
from conftest import Invoke
from pages import NAMES, ROOT

from embedcli.cli import app
from embedcli.run.files import ITEM_FIELDS, TABLE_FIELDS, USER_FIELDS
from embedcli.run.predictions import VALIDATION
from embedcli.run.record import Run

FOREIGN = {
    "--cov",
    "--index-url",
    "--logdir",
    "--neighbors",
    "--no-python",
    "--nproc-per-node",
    "--text",
    "--vector",
    "--x",
    "--y",
    "-c",
    "-e",
    "-m",
}  # of other programs
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
HEADERS = {  # the command whose CSV has the columns that a section of the usage explains
    "biases": "biases -n 1",
    "pca": "pca --components 1 -n 1",
    "similar": "similar 8 -n 1",
    "map": "map --top-items 8",
    "recommend": "recommend --user 12 -n 1",
    "predict": "predict --all-users -n 1",
    "explain": "explain 12 8",
    "axis": "axis --from 8 --to 9 -n 1",
    "probe": "probe",
    "clusters": "clusters -k 2 -n 1",
    "compare": "compare made made made",
    "evaluate": "evaluate made made",
    "sweep": "sweep ratings.csv --epochs 1 --members 1 --folds 0 --draws 0 --jobs 1",
    "runs list": "runs list",
    "runs show": "runs show",
    "runs check": "runs check",
    "data list": "data list",
    "data check": "data check ratings.csv",
    "data describe": "data describe ratings.csv",
}


def commands() -> dict[str, set[str]]:
    """Return the options of every command, by how the command is typed after `embedcli`."""
    found: dict[str, set[str]] = {}
    groups = [("", typer.main.get_command(app))]
    while groups:
        prefix, group = groups.pop()
        for name, command in group.commands.items():  # type: ignore[attr-defined]
            if hasattr(command, "commands"):
                groups.append((f"{name} ", command))
            else:
                options = {
                    option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
                }
                found[prefix + name] = {option for option in options if option.startswith("-")}
    return found


COMMANDS = commands()


def prose(page: str) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", pages.read(page), flags=re.DOTALL | re.MULTILINE)


def section(command: str) -> str:
    """Return the section of the usage on a command, up to the next heading, without its blocks of code."""
    text = prose("usage")
    start = re.search(rf"^#+ embedcli {command}$", text, re.MULTILINE)
    assert start is not None, f"embedcli {command} has no section"
    return re.split(r"^#+ ", text[start.end() :], maxsplit=1, flags=re.MULTILINE)[0]


def options_in(spans: list[str]) -> set[str]:
    """Return the options in pieces of code."""
    return {option for span in spans for option in re.findall(r"(?<!\S)--?[a-z][a-z-]*", span)}


def code_in(text: str) -> list[str]:
    """Return what a text without blocks has in backticks."""
    return re.findall(r"`([^`]+)`", text)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    """Every command is in the README's table and has a section in the usage."""
    table = [line for line in pages.read("README").splitlines() if line.startswith("| `embedcli")]
    assert any(f"`embedcli {command}`" in line for line in table)
    assert section(command).strip()


@pytest.mark.parametrize("command", COMMANDS)
def test_json_stands_beside_format(command: str) -> None:
    """Every command with --format has --json."""
    assert ("--json" in COMMANDS[command]) == ("--format" in COMMANDS[command])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_documented(command: str) -> None:
    """Every option of a command is in its section of the usage, or among those that several commands share."""
    text = prose("usage")
    shared = text[text.index("## Options of every command") : text.index("## embedcli train")]
    if command.startswith(("train", "sweep", "data", "import")):
        shared += text[text.index("## Your own ratings") : text.index("## embedcli biases")]
    if command.startswith(("sweep", "data")):
        shared += section("train")
    missing = COMMANDS[command] - options_in(code_in(section(command) + shared))
    assert not missing


@pytest.mark.parametrize("page", NAMES)
def test_every_option_exists(page: str) -> None:
    """Every option that a page names is one of embedcli's."""
    program = {option for parameter in typer.main.get_command(app).params for option in parameter.opts}
    known = program.union(*COMMANDS.values()) | {"-h", "--help", "--all", "--install-completion", "--show-completion"}
    named = options_in([*code_in(prose(page)), *re.findall(r"embedcli (.*)", pages.read(page))])
    assert named - known - FOREIGN == set()


@pytest.mark.parametrize("command", HEADERS)
def test_columns_are_explained(command: str, saved: Run, embedcli: Invoke) -> None:
    """Every column that a command writes to CSV is named in its section of the usage."""
    pages.write_own_data(Path.cwd())
    result = embedcli(*HEADERS[command].split(), "--format", "csv", "-q")
    assert result.exit_code == 0, result.stderr
    header = next(csv.reader(io.StringIO(result.stdout)))
    assert set(header) - set(re.findall(r"`([\w.]+)`", section(command))) == set()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_begins_with_examples_that_are_right(command: str, embedcli: Invoke) -> None:
    """Every command's help shows examples, and every option in them is one that it has."""
    examples, _, _ = embedcli(*command.split(), "--help").stdout.partition("Options:")
    assert "Examples:" in examples
    lines = [line.strip() for line in examples.splitlines() if line.strip().startswith(f"embedcli {command}")]
    for line in lines:
        assert set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", line)) <= COMMANDS[command], line


def test_arrays_of_a_run_are_documented(trained: Run) -> None:
    """The page on the run format names the arrays of a run with their number of dimensions, and no others."""
    rows = re.findall(r"^\| `(\w+)` \| \(([\w, ]+)\) \|", pages.read("run-format"), re.MULTILINE)
    documented = {name: len([size for size in shape.split(",") if size.strip()]) for name, shape in rows}
    assert documented.pop(VALIDATION) == 2  # of a trial of a sweep
    assert documented == {name: array.ndim for name, array in trained.arrays.items()}


def test_files_of_a_run_are_documented(saved: Run) -> None:
    """The page on the run format names every file of a run, every column of its tables and every key of run.json."""
    text, folder = pages.read("run-format"), Path("runs") / saved.name
    about = json.loads((folder / "run.json").read_text())

    def keys(values: Mapping[str, Any]) -> set[str]:
        inner = [value[0] if isinstance(value, list) and value else value for value in values.values()]
        return set(values).union(*(keys(value) for value in inner if isinstance(value, dict)))

    names = {path.name for path in folder.iterdir()} | {*ITEM_FIELDS, *TABLE_FIELDS, *USER_FIELDS} | keys(about)
    versions, files = set(about["training"]["versions"]), set(about["files"])
    for name in names - versions - files:
        assert re.search(rf"`(\w+\.)*{re.escape(name)}(\.\w+)*`", text), name
    for part, prefix in ((saved.rows, ""), (saved.heldout, "test_")):
        assert part is not None
        assert all(f"`{prefix}{column.name}`" in text for column in fields(part))


def test_rooms_are_documented() -> None:
    """The rooms of the page on the architecture are the folders of the package."""
    documented = re.findall(r"^\| `(\w+)/` \|", pages.read("architecture"), re.MULTILINE)
    rooms = {path.parent.name for path in (ROOT / "embedcli").glob("*/__init__.py")}
    assert set(documented) == rooms


@pytest.mark.parametrize("page", NAMES)
def test_links_lead_somewhere(page: str) -> None:
    """Every link inside the repository leads to a file, and to a heading of it."""
    for link in LINK.findall(pages.read(page)):
        if not re.match("https?:", link):
            file, _, heading = link.partition("#")
            target = pages.PAGES[page].parent / file if file else pages.PAGES[page]
            assert target.exists(), link
            assert not heading or heading in _anchors(target), link


def test_files_named_are_there() -> None:
    """Every script and file of the repository that a page names is there."""
    for page in NAMES:
        for path in re.findall(r"(?:examples|tests|docs)/[\w/.-]+\.(?:py|md)\b", pages.read(page)):
            assert (ROOT / path).exists(), (page, path)


def test_readme_is_short() -> None:
    """The README can be read in five minutes: the rest is in docs/."""
    text = pages.read("README")
    assert len(text.splitlines()) <= 190
    assert len(text.encode()) <= 12_500


def _anchors(target: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
