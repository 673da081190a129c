"""What all pages share: one file that needs no network, and runs its own scripts alone."""

import base64
import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from embedcli.errors import RunError
from embedcli.render.colors import DARK, LIGHT, Palette
from embedcli.run.record import Run

TEMPLATES = Path(__file__).parent / "templates"
MAP_SCRIPTS = ("page", "search", "combobox", "labels", "colors", "chart", "picture", "map")  # joined in this order


def document(
    template: str, run: Run, *, title: str, scripts: Mapping[str, str], styles: Sequence[str] = (), **parts: Any
) -> str:
    """Return a page by a template, with these scripts, which alone it runs, and further style sheets."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
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
    own = "\n".join((TEMPLATES / f"{name}.js").read_text(encoding="utf-8") for name in MAP_SCRIPTS)
    return {"bokeh": _bokeh(), "script": own}


def _colors() -> str:
    """Return the palettes as variables of the style sheet."""

    def variables(palette: Palette) -> str:
        named = {name: value for name, value in asdict(palette).items() if isinstance(value, str)}
        return ":root { " + " ".join(f"--{name}: {value};" for name, value in named.items()) + " }"

    return f"{variables(LIGHT)}\n@media screen and (prefers-color-scheme: dark) {{ {variables(DARK)} }}"


def _bokeh() -> str:
    """Return BokehJS from its package, without the import of the package, which is slow.

    Its core alone draws, zooms and has a lasso. Its WebGL draws 60,000 dots no faster without a graphics card, and
    browsers have words of their own about it on the console.
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
        "img-src": "data: blob:",  # the icons of the page and of Bokeh
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())
