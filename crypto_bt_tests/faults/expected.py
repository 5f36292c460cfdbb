"""What the quarantine must say of each fault that has shown."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from crypto_bt.core.market import from_milliseconds
from crypto_bt.simulator.faults import ROW_FAULTS, FaultKind, Showing

#: (dataset, symbol, time, reason), as in the quarantine.
Refused = tuple[str, str, datetime, str]
_SERVED: Final = {
    "/fapi/v1/markPriceKlines": "mark_price_1h",
    "/fapi/v1/fundingRate": "funding_rates",
    "/futures/data/openInterestHist": "open_interest",
    "/futures/data/globalLongShortAccountRatio": "long_short_ratio",
    "/futures/data/takerlongshortRatio": "taker_volume",
}
_AT_ITS_TIME: Final = {
    FaultKind.NAN: "not finite",
    FaultKind.INFINITY: "not finite",
    FaultKind.NULL: "null",
    FaultKind.GARBLED: "not a number",
    FaultKind.ZERO: "not positive",
    FaultKind.NEGATIVE: "not positive",
    FaultKind.HIGH_BELOW_LOW: "inconsistent",
    FaultKind.MISALIGNED: "misaligned",
    FaultKind.OTHER_TIMEFRAME: "misaligned",
    FaultKind.OTHER_SYMBOL: "wrong symbol",
    FaultKind.CONFLICT: "conflicting duplicate",
    FaultKind.OPEN_CANDLE: "unclosed",
    FaultKind.FUTURE: "future",
}
_AT_THE_START: Final = {FaultKind.SHORT_ROW: "short row", FaultKind.TEXT_TIME: "unreadable time"}
_NESTED_WIDTH: Final = 12
#: The true row is there as well, or another takes its place.
_NOTHING_LOST: Final = (
    FaultKind.DUPLICATE,
    FaultKind.DISORDER,
    FaultKind.OPEN_CANDLE,
    FaultKind.FUTURE,
    FaultKind.REVISED,
)
#: How far MISALIGNED moves a row's time.
_MOVED: Final = timedelta(seconds=90)


def dataset_of(showing: Showing) -> str:
    """The dataset that the call was made for."""
    return _SERVED.get(showing.path, f"candles_{showing.interval}")


def refusals(showing: Showing, starts: Mapping[tuple[str, str], datetime], end: datetime) -> list[Refused]:
    """Rows of the quarantine that ``showing`` leads to, if its answer was used.

    ``starts`` says from when on each (dataset, symbol) was asked, ``end`` is the end of all windows.
    """
    kind, dataset = showing.fault.kind, dataset_of(showing)
    start = starts[dataset, showing.symbol]
    place = (dataset, showing.symbol)
    if kind is FaultKind.NESTED:
        of_candles = showing.path.endswith("lines")
        wide = len(showing.times) >= _NESTED_WIDTH
        reason = ("unreadable time" if wide else "short row") if of_candles else "not a row"
        return [(*place, start, reason)]
    if kind in _AT_THE_START:
        return [(*place, start, _AT_THE_START[kind])]
    if kind not in _AT_ITS_TIME:
        return []
    (time,) = (from_milliseconds(time) for time in showing.times)
    if time >= end:
        return [(*place, start, "outside the window")]
    if dataset == "funding_rates":
        time = time.replace(second=0, microsecond=0)
    return [(*place, time, _AT_ITS_TIME[kind])]


def keys_lost(showing: Showing) -> list[tuple[str, str, datetime]]:
    """The rows (dataset, symbol, time) that the store lacks after ``showing``, until it asks again."""
    kind = showing.fault.kind
    if kind not in ROW_FAULTS or kind in _NOTHING_LOST:
        return []
    dataset = dataset_of(showing)
    times = [from_milliseconds(time) for time in showing.times]
    if kind is FaultKind.MISALIGNED:
        times = [time - _MOVED for time in times]
    if dataset == "funding_rates":
        times = [time.replace(second=0, microsecond=0) for time in times]
    return [(dataset, showing.symbol, time) for time in times]
