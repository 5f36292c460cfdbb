"""How a figure is written for people: percent, points, ratios, counts, moments.

Everywhere else a return is a fraction. A figure that does not exist (null, NaN, infinite) is a dash.
"""

import math
from datetime import date, datetime
from typing import Final

DASH: Final = "–"
MINUS: Final = "\u2212"


def known(value: object) -> float | None:
    """``value`` as a finite float, or None when there is no such figure."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def percent(value: object, *, signed: bool = True, digits: int = 1) -> str:
    """A fraction as percent: 0.1234 is ``+12.3 %``; ``signed`` puts a plus before gains."""
    figure = known(value)
    return DASH if figure is None else f"{_signed(100 * figure, digits, signed)} %"


def points(value: object) -> str:
    """A difference of two fractions in percentage points: 0.081 is ``+8.1 pp``."""
    figure = known(value)
    return DASH if figure is None else f"{_signed(100 * figure, 1, True)} pp"


def ratio(value: object) -> str:
    """A dimensionless figure with two digits, such as a Sharpe ratio."""
    figure = known(value)
    return DASH if figure is None else _signed(figure, 2, False)


def count(value: object) -> str:
    """A whole number with thousands separated: 12,345."""
    figure = known(value)
    return DASH if figure is None else f"{round(figure):,}"


def price(value: object) -> str:
    """A price in quote units with seven significant digits and no needless zeros."""
    figure = known(value)
    if figure is None:
        return DASH
    digits = 2 if abs(figure) >= 1000 else min(12, max(0, 6 - math.floor(math.log10(abs(figure) or 1))))
    text = f"{figure:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: object) -> str:
    """An amount in quote units with two decimals."""
    figure = known(value)
    return DASH if figure is None else _signed(figure, 2, False)


def moment(value: object) -> str:
    """A UTC moment to the minute, or a day: ``2026-11-21 23:30``."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return f"{value:%Y-%m-%d}" if isinstance(value, date) else DASH


def timeframe(text: str) -> str:
    """A timeframe as it is spoken of: ``4h`` is ``H4``."""
    return f"{text[-1:].upper()}{text[:-1]}"


def interval(low: object, high: object) -> str:
    """Two bounds of a ratio: ``−0.31 to 1.20``; a dash unless both are known."""
    return DASH if known(low) is None or known(high) is None else f"{ratio(low)} to {ratio(high)}"


def percent_interval(low: object, high: object) -> str:
    """Two bounds of a fraction: ``−25.7 % to −3.6 %``; a dash unless both are known."""
    if known(low) is None or known(high) is None:
        return DASH
    return f"{percent(low, signed=False)} to {percent(high, signed=False)}"


def tone(value: object) -> str:
    """``gain``, ``loss`` or nothing: the class that colours a signed figure."""
    figure = known(value)
    if figure is None or round(figure, 4) == 0:
        return ""
    return "gain" if figure > 0 else "loss"


def names(symbols: tuple[str, ...] | list[str], at_most: int = 12) -> str:
    """``A, B and 3 more``: a list of names that stays readable."""
    shown, rest = ", ".join(symbols[:at_most]), len(symbols) - at_most
    return f"{shown} and {rest} more" if rest > 0 else shown


def _signed(value: float, digits: int, plus: bool) -> str:
    text = f"{abs(value):,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        return text
    return f"{MINUS}{text}" if value < 0 else f"+{text}" if plus else text
