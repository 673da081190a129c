"""What all pages share: one file that needs no network, and runs its own scripts alone."""

import base64
import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedcli.errors import RunError
from embedcli.run.record import Run

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("page.js", "search.js", "labels.js", "colors.js", "chart.js", "map.js")  # joined in this order


def page(template: str, run: Run, *, title: str, map: Mapping[str, Any] | None, **parts: Any) -> str:
    """Return a page of a run from a template; titles in it are never read as HTML.

    `map` is what `map_context` returns, or None without a map; `parts` are what else the template shows.
    """
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    scripts = [] if map is None else [_bokeh()]
    scripts.append("\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS))
    about = [f"{len(run.items):,} {run.data.noun}s, {len(run.users):,} users", f"run {run.name}"]
    about += [run.training.split.description, f"{run.n_members} members", f"embedcli {run.meta['version']}"]
    return environment.get_template(template).render(
        policy=_policy(*scripts),
        title=title,
        subtitle=" | ".join(filter(None, about)),
        meta=run.meta,
        noun=run.data.noun,
        style=(TEMPLATES / "style.css").read_text(encoding="utf-8"),
        scripts=scripts,
        map=map,
        **parts,
    )


def _bokeh() -> str:
    """Return BokehJS from its package, without the import of the package, which is slow.

    Its core alone: it draws, zooms and has a lasso; no widgets, and no WebGL, which graphics drivers have their own
    words about on the console.
    """
    spec = importlib.util.find_spec("bokeh")
    if spec is None or spec.origin is None:
        raise RunError("bokeh, which draws the pages, is not installed", "pip install bokeh")
    return (Path(spec.origin).parent / "server" / "static" / "js" / "bokeh.min.js").read_text(encoding="utf-8")


def _policy(*scripts: str) -> str:
    """Return a Content-Security-Policy that runs only these scripts, and forbids every request."""
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(f"'sha256-{digest}'" for digest in digests),
        "style-src": "'unsafe-inline'",  # Bokeh writes styles
        "img-src": "data: blob:",  # the icon, and those of Bokeh
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
