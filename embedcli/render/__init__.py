"""From records to text: a view says what is shown, `write` shows it in the format asked for."""

from embedcli.render.output import Format, write
from embedcli.render.view import Block, View

__all__ = ["Block", "Format", "View", "write"]
