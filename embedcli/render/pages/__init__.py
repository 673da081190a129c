"""Pages for a browser: an interactive map, and the report; each is one file that needs no network."""

from embedcli.render.pages.map import map_page
from embedcli.render.pages.report import report_page

__all__ = ["map_page", "report_page"]
