"""Pages for a browser: an interactive map, and the report; each is one file that needs no network."""

from embedcli.analysis.map import Map
from embedcli.render.map import title
from embedcli.render.pages.page import page
from embedcli.render.pages.report import report_page
from embedcli.run.record import Run

__all__ = ["map_page", "report_page"]


def map_page(drawn: Map, run: Run) -> str:
    """Return a page with an interactive map; titles in it are never read as HTML."""
    return page(drawn, run, title=title(drawn, run))
