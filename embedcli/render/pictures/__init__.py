"""Pictures: PNG, SVG and PDF, by matplotlib."""

from dataclasses import dataclass

from embedcli.errors import UsageError
from embedcli.render.colors import DARK, LIGHT, Palette

DPI, LEAST_DPI, MOST_DPI = 160, 30, 1200  # pixels per inch of a PNG
LEAST, MOST = (4.0, 3.0), 100.0  # inches
MOST_PIXELS = 50_000_000


@dataclass(frozen=True)
class Style:
    """How to draw a picture: for dark paper or light, its size in inches if not the usual one, pixels per inch."""

    dark: bool = False
    size: tuple[float, float] | None = None
    dpi: int = DPI

    @property
    def palette(self) -> Palette:
        """The colors."""
        return DARK if self.dark else LIGHT

    def checked(self, usual: tuple[float, float]) -> tuple[float, float]:
        """Return the size in inches, `usual` if none is asked for; UsageError if it makes too many pixels."""
        width, height = self.size or usual
        pixels = width * height * self.dpi**2
        if pixels > MOST_PIXELS:
            raise UsageError(
                f"{width:g} x {height:g} inches at {self.dpi} pixels per inch are {pixels / 1e6:,.0f} million pixels, "
                f"more than {MOST_PIXELS / 1e6:.0f} million",
                "give fewer rows, or a smaller `size` or `dpi`",
            )
        return width, height
