"""The command line: each command parses, makes one library call, and shows what came back."""

from embedcli.cli import draw, inspect, inspections, look, near, recommend, report, shelves, train  # noqa: F401  (importing a module adds its commands)
from embedcli.cli.app import app


def main() -> None:
    """Run the command line: what `embedcli` on the PATH calls."""
    app()
