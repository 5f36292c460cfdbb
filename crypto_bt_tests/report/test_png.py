"""Charts as PNG: real pictures of the right size, with letters, or a sentence that says what is missing."""

import struct
import sys

import pytest

from crypto_bt.report.charts.curves import equity_chart, night_curves
from crypto_bt.report.drawing.canvas import NARROW, WIDE
from crypto_bt.report.drawing.png import NoPictures, png
from crypto_bt.report.drawing.style import chart_css, stacked, standalone
from crypto_bt_tests.report.nights import equity
from crypto_bt_tests.report.reading import read

CURVES = night_curves(equity("trend", "hold"), "hold")


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_png_has_twice_the_pixels_and_differs_by_theme(width: int) -> None:
    svg = equity_chart(CURVES, width)
    light, dark = png(svg), png(svg, "dark")
    assert light.startswith(b"\x89PNG\r\n")
    assert struct.unpack(">II", light[16:24]) == (2 * width, round(2 * read(svg).height))
    assert light != dark
    assert light == png(svg)


def test_png_without_the_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(NoPictures, match=r"pip install 'crypto-bt\[png\]'"):
        png(equity_chart(CURVES, WIDE))


def test_png_without_a_font_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import resvg_py

    drawn = resvg_py.svg_to_bytes
    monkeypatch.setattr(resvg_py, "svg_to_bytes", lambda **given: drawn(**given, skip_system_fonts=True))
    with pytest.raises(NoPictures, match="apt install fonts-dejavu-core"):
        png(equity_chart(CURVES, WIDE))


def test_file_of_its_own_brings_its_style_and_follows_the_readers_system() -> None:
    text = standalone(equity_chart(CURVES, WIDE))
    assert "prefers-color-scheme:dark" in text
    assert read(text).width == WIDE
    assert "prefers-color-scheme" not in standalone(equity_chart(CURVES, WIDE), "either")
    assert "@media" not in chart_css("light")


def test_stacked_charts_are_as_high_as_all_of_them() -> None:
    one = equity_chart(CURVES, WIDE)
    both = read(stacked([one, one]))
    assert both.height == 2 * read(one).height
    assert both.texts == read(one).texts * 2
