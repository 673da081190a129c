"""What all pages share: one file that needs no network, and runs its own scripts alone."""

import base64
import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedcli.analysis.map import Map
from embedcli.errors import RunError
from embedcli.render.map import caption, explanation
from embedcli.render.pages.map import map_data
from embedcli.run.record import Run

TEMPLATES = Path(__file__).parent / "templates"


def page(drawn: Map, run: Run, *, title: str, report: Mapping[str, Any] | None) -> str:
    """Return a page with the map of a run, and the report if there is one; titles in it are never read as HTML."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    scripts = {"plotly": _plotly(), "script": (TEMPLATES / "map.js").read_text(encoding="utf-8")}
    about = [f"{len(run.items):,} {run.data.noun}s, {len(run.users):,} users", f"run {run.name}"]
    about += [run.training.split.description, f"{run.n_members} members", f"embedcli {run.meta['version']}"]
    return environment.get_template("page.html.j2").render(
        policy=_policy(*scripts.values()),
        title=title,
        subtitle=" | ".join(filter(None, about)),
        meta=run.meta,
        noun=run.data.noun,
        report=report,
        caption=caption(drawn),
        explanation=explanation(drawn),
        data=map_data(drawn, run),
        style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
        **scripts,
    )


def _plotly() -> str:
    """Return plotly.js from its package, without the import of the package, which is slow."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise RunError("plotly, which draws the pages, is not installed", "pip install plotly")
    return (Path(spec.origin).parent / "package_data" / "plotly.min.js").read_text(encoding="utf-8")


def _policy(*scripts: str) -> str:
    """Return a Content-Security-Policy that runs only these scripts, and forbids every request."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(f"'sha256-{digest}'" for digest in digests),
        "style-src": "'unsafe-inline'",  # plotly writes styles
        "img-src": "data: blob:",  # the icon, and the map on its way to a PNG
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
