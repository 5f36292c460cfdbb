"""Charts as PNG, for documents and messages that take no SVG: resvg, a library of 3 MB without a browser."""

from typing import Final

from crypto_bt.core.errors import CryptoBtError
from crypto_bt.report.drawing.style import Theme, standalone

#: Pixels of the picture for one of the chart.
ZOOM: Final = 2.0
#: A font that most systems have; where they do not, any other is taken.
_FAMILY: Final = "DejaVu Sans"


class NoPictures(CryptoBtError):
    """PNG was asked for and cannot be made on this machine."""


def png(svg: str, theme: Theme = "light", zoom: float = ZOOM) -> bytes:
    """``svg`` (a chart of ours) in the colours of ``theme``, ``zoom`` pixels for each of its own.

    Raises :class:`NoPictures` if the extra ``png`` is not installed or the machine has no font: letters are
    drawn in the system's.
    """
    try:
        import resvg_py
    except ImportError:
        raise NoPictures(
            "PNG needs the library resvg_py.", "Install it: pip install 'crypto-bt[png]'"
        ) from None

    def drawn(text: str) -> bytes:
        return bytes(
            resvg_py.svg_to_bytes(svg_string=text, zoom=zoom, font_family=_FAMILY, sans_serif_family=_FAMILY)
        )

    blank = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">%s</svg>'
    if drawn(blank % '<text y="8">M</text>') == drawn(blank % ""):
        raise NoPictures("There is no font on this machine.", "Install one: apt install fonts-dejavu-core")
    return drawn(standalone(svg, theme))
