"""The command line: one file a command, which parses, makes one library call, and shows what came back."""

from importlib import import_module

from embedcli.cli.app import app as app

COMMANDS = (  # in the order people use them, which is that of the help; importing a module adds its commands
    *("train", "sweep", "biases", "pca", "similar", "map", "recommend", "predict", "explain"),
    *("axis", "probe", "clusters", "compare", "evaluate", "report", "import_", "export", "runs", "data"),
)
for name in COMMANDS:
    import_module(f"embedcli.cli.{name}")
