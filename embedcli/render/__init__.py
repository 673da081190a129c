"""From records to text: a view says what is shown, `write` shows it in the format asked for."""

from embedcli.render.output import Format, write
from embedcli.render.view import Block, Column, View

__all__ = ["Block", "Column", "Format", "View", "write"]
