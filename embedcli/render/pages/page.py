"""What all pages share: one file that needs no network, and runs its own scripts alone."""

import base64
import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from embedcli.analysis.map import Map
from embedcli.errors import RunError
from embedcli.render.colors import DARK, LIGHT, Palette
from embedcli.render.map import caption, explanation
from embedcli.render.pages.map import map_data
from embedcli.run.record import Run

TEMPLATES = Path(__file__).parent / "templates"


def page(drawn: Map, run: Run, *, title: str) -> str:
    """Return a page with the map of a run; titles in it are never read as HTML."""
    return document(
        "page.html.j2",
        run,
        title=title,
        scripts=map_scripts(),
        noun=run.data.noun,
        caption=caption(drawn),
        explanation=explanation(drawn),
        data=map_data(drawn, run),
    )


def document(
    template: str, run: Run, *, title: str, scripts: Mapping[str, str], styles: Sequence[str] = (), **parts: Any
) -> str:
    """Return a page by a template, with these scripts, which alone it runs, and further style sheets."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["tied"] = lambda words: words.replace(" %", "\u00a0%")  # no line ends between the two
    about = [f"{len(run.items):,} {run.data.noun}s, {len(run.users):,} users", f"run {run.name}"]
    about += [
        run.training.split.description,
        f"{run.n_members} member{'' if run.n_members == 1 else 's'}",
        f"embedcli {run.meta['version']}",
    ]
    sheets = [(TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", *styles)]
    return environment.get_template(template).render(
        policy=_policy(*scripts.values()),
        title=title,
        subtitle=" | ".join(filter(None, about)),
        meta=run.meta,
        style="\n".join([_colors(), *sheets]),
        scripts=scripts,
        **parts,
    )


def map_scripts() -> dict[str, str]:
    """Return the scripts that draw a map: the library, and what uses it."""
    return {"plotly": _plotly(), "script": (TEMPLATES / "map.js").read_text(encoding="utf-8")}


def _colors() -> str:
    """Return the palettes as variables of the style sheet."""

    def variables(palette: Palette) -> str:
        named = {name: value for name, value in asdict(palette).items() if isinstance(value, str)}
        return ":root { " + " ".join(f"--{name}: {value};" for name, value in named.items()) + " }"

    return f"{variables(LIGHT)}\n@media screen and (prefers-color-scheme: dark) {{ {variables(DARK)} }}"


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
