"""Answers full of rows, spoiled: one row that makes no sense, or all of them in the wrong form.

What a row looks like is known by its path; a fault that cannot show in rows of that look is not applied.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from crypto_bt.simulator.fault_kinds import FaultKind

Row = Any
_CLOSE_TIME: Final = 6
_HOUR: Final = 3_600_000
#: How far a time is moved off the grid (ms).
_OFF_GRID: Final = 90_000


@dataclass(frozen=True, slots=True)
class _Look:
    """Where rows of one path keep their time and a figure.

    ``amount``: the figure is above zero and belongs to no sum that a change of it would break. ``stamped``:
    the time lies on a grid of whole hours.
    """

    time: int | str
    figure: int | str
    amount: bool = True
    stamped: bool = True
    named: bool = False
    candle: bool = False


_CANDLE: Final = _Look(0, 4, candle=True)
_LOOKS: Final = {
    "/fapi/v1/klines": _CANDLE,
    "/fapi/v1/markPriceKlines": _CANDLE,
    "/fapi/v1/fundingRate": _Look("fundingTime", "fundingRate", amount=False, stamped=False, named=True),
    "/futures/data/openInterestHist": _Look("timestamp", "sumOpenInterest", named=True),
    "/futures/data/globalLongShortAccountRatio": _Look("timestamp", "longAccount", amount=False, named=True),
    "/futures/data/takerlongshortRatio": _Look("timestamp", "buyVol", amount=False),
}


@dataclass(frozen=True, slots=True)
class Spoiled:
    """``answer`` as it is sent, and the ``times`` (ms) of the rows in it that are not as they should be.

    Of a row that is missing, or whose time cannot be read, it is the time that it should have.
    """

    answer: object
    times: tuple[int, ...]


def spoil_rows(kind: FaultKind, path: str, answer: object, row: int) -> Spoiled | None:
    """What ``kind`` makes of ``answer``; None where it cannot show in it.

    ``row`` counts to the row that is spoiled, round and round.
    """
    if kind is FaultKind.WRONG_SHAPE:
        return Spoiled([answer] if isinstance(answer, dict) else {"rows": answer}, ())
    look = _LOOKS.get(path)
    if look is None or not isinstance(answer, list) or len(answer) < 2:
        return None
    rows: list[Row] = [list(one) if isinstance(one, list) else dict(one) for one in answer]
    times = tuple(one[look.time] for one in rows)
    at = row % len(rows)
    match kind:
        case FaultKind.NESTED:
            return Spoiled([rows], times)
        case FaultKind.NO_ROWS:
            return Spoiled([], times)
        case FaultKind.GAP:
            return Spoiled(rows[:at] + rows[at + 1 :], times[at : at + 1])
        case FaultKind.DISORDER:
            return Spoiled(rows[::-1], ())
        case FaultKind.DUPLICATE:
            return Spoiled([*rows, rows[at]], ())
        case FaultKind.CONFLICT | FaultKind.REVISED:
            return _contradict(kind, rows, at, look)
        case FaultKind.OPEN_CANDLE | FaultKind.FUTURE:
            return _untimely(kind, rows, look)
    change = _CHANGES[kind]
    if kind in _CANDLES_ONLY and not look.candle:
        return None
    if (
        (kind in (FaultKind.ZERO, FaultKind.NEGATIVE) and not look.amount)
        or (kind is FaultKind.MISALIGNED and not look.stamped)
        or (kind is FaultKind.OTHER_SYMBOL and not look.named)
    ):
        return None
    rows[at] = change(rows[at], look)
    return Spoiled(rows, (times[at] + (_OFF_GRID if kind is FaultKind.MISALIGNED else 0),))


def _set(value: object) -> Callable[[Row, _Look], Row]:
    def change(row: Row, look: _Look) -> Row:
        row[look.figure] = value
        return row

    return change


def _swapped(row: Row, look: _Look) -> Row:
    # A candle of one price is inconsistent only if its high lies below that price.
    row[2], row[3] = scaled(row[3], Decimal("0.999")), row[2]
    return row


def _late(row: Row, look: _Look) -> Row:
    row[look.time] += _OFF_GRID
    if look.candle:
        row[_CLOSE_TIME] += _OFF_GRID
    return row


def _text_time(row: Row, look: _Look) -> Row:
    row[look.time] = str(row[look.time])
    return row


def _lasting_longer(row: Row, look: _Look) -> Row:
    row[_CLOSE_TIME] += _HOUR
    return row


def _renamed(row: Row, look: _Look) -> Row:
    row["symbol"] += "X"
    return row


_CHANGES: Final[dict[FaultKind, Callable[[Row, _Look], Row]]] = {
    FaultKind.NAN: _set("NaN"),
    FaultKind.INFINITY: _set("Infinity"),
    FaultKind.NULL: _set(None),
    FaultKind.GARBLED: _set("1,234.5"),
    FaultKind.ZERO: _set("0"),
    FaultKind.NEGATIVE: _set("-1.5"),
    FaultKind.HIGH_BELOW_LOW: _swapped,
    FaultKind.SHORT_ROW: lambda row, look: row[:5],
    FaultKind.TEXT_TIME: _text_time,
    FaultKind.MISALIGNED: _late,
    FaultKind.OTHER_TIMEFRAME: _lasting_longer,
    FaultKind.OTHER_SYMBOL: _renamed,
}
_CANDLES_ONLY: Final = (FaultKind.HIGH_BELOW_LOW, FaultKind.SHORT_ROW, FaultKind.OTHER_TIMEFRAME)


def scaled(figure: str, factor: Decimal) -> str:
    """The decimal text ``figure`` times ``factor``, with as many places; never rounded back to itself."""
    value = Decimal(figure)
    unit = Decimal(1).scaleb(int(value.as_tuple().exponent))
    found = (value * factor).quantize(unit)
    if found == value:
        found += unit if factor > 1 else -unit
    return format(found, "f")


def _contradict(kind: FaultKind, rows: list[Row], at: int, look: _Look) -> Spoiled | None:
    """A row with other figures, each of them possible: beside the true one, or in its place."""
    factor = Decimal("1.001")
    row = rows[at].copy()
    if look.candle:
        row[1:5] = [scaled(price, factor) for price in row[1:5]]
        # Rounding keeps the order of prices, a unit added to one that was too small to change may not.
        row[2] = max(row[1:5], key=Decimal)
        row[3] = min(row[1:5], key=Decimal)
    elif look.amount:
        row[look.figure] = scaled(row[look.figure], factor)
    elif look.figure == "fundingRate":
        row[look.figure] = format(Decimal(row[look.figure]) + Decimal("0.0001"), "f")
    else:
        return None
    if kind is FaultKind.CONFLICT:
        return Spoiled([*rows, row], (row[look.time],))
    rows[at] = row
    return Spoiled(rows, (row[look.time],))


def _untimely(kind: FaultKind, rows: Sequence[Row], look: _Look) -> Spoiled | None:
    """A row more than was asked for: the one that is still open after the last, or the one after that."""
    if not look.stamped:
        return None
    step = rows[-1][look.time] - rows[-2][look.time]
    row = rows[-1].copy()
    ahead = step if kind is FaultKind.OPEN_CANDLE else 2 * step
    row[look.time] += ahead
    if look.candle:
        row[_CLOSE_TIME] += ahead
    return Spoiled([*rows, row], (row[look.time],))
