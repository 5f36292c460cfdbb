"""Which requests cover a window of time. Bounds on the wire are milliseconds, both inclusive."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.core.positioning import KEPT

#: The most candles for a weight of 2: of all page sizes the cheapest by the candle.
CANDLES_PER_PAGE: Final = 499
SETTLEMENTS_PER_PAGE: Final = 1000
HOURS_PER_PAGE: Final = 500
#: The exchange refuses (-1130) a start of more than 30 days ago. An hour less, since it goes by its clock as
#: the request arrives, which in a long session is well after the clock was read.
POSITIONING_KEPT: Final = KEPT - timedelta(hours=1)
#: Weight of a candle request by its limit: up to so many rows, so much.
_WEIGHTS: Final = ((99, 1), (499, 2), (1000, 5), (1500, 10))


@dataclass(frozen=True, slots=True)
class Page:
    """One request: rows from ``start`` to ``end`` (ms, inclusive), at most ``limit``."""

    start: int
    end: int
    limit: int


def candle_weight(limit: int) -> int:
    """Request weight of ``limit`` candles (1 to 1500)."""
    return next(weight for most, weight in _WEIGHTS if limit <= most)


def candle_pages(
    timeframe: Timeframe, start: datetime, end: datetime, onboard: datetime | None, now: datetime
) -> list[Page]:
    """Pages over the candles that open in [``start``, ``end``), were listed, and are closed at ``now``.

    The pages depend on the window alone, not on what earlier pages held: a wrong time in an answer cannot
    make the next one skip candles. The first candle of a symbol may open before its ``onboard`` time.
    """
    step = timeframe.milliseconds
    since = start if onboard is None else max(start, timeframe.floor(onboard))
    first = -(-to_milliseconds(since) // step) * step
    until = min(-(-to_milliseconds(end) // step) * step, to_milliseconds(timeframe.floor(now)))
    pages = []
    for opened in range(first, until, CANDLES_PER_PAGE * step):
        count = min(CANDLES_PER_PAGE, (until - opened) // step)
        # The last millisecond before the next candle: the open one is never asked for.
        pages.append(Page(opened, opened + count * step - 1, count))
    return pages


def settlement_page(start: datetime, end: datetime, onboard: datetime | None, now: datetime) -> Page | None:
    """The first page over settlements in [``start``, ``end``) up to ``now``; None when there can be none."""
    since = start if onboard is None else max(start, Timeframe.H1.floor(onboard))
    first, last = to_milliseconds(since), min(to_milliseconds(end) - 1, to_milliseconds(now))
    return Page(first, last, SETTLEMENTS_PER_PAGE) if first <= last else None


def next_settlement_page(page: Page, times: list[int]) -> Page | None:
    """The page after ``page``, whose answer held rows at ``times``; None when that was the last.

    Settlements have no fixed interval, so the next page begins after the latest that was seen.
    """
    inside = [time for time in times if page.start <= time <= page.end]
    if len(times) < page.limit or not inside or max(inside) >= page.end:
        return None
    return Page(max(inside) + 1, page.end, page.limit)


def positioning_pages(start: datetime, end: datetime, onboard: datetime | None, now: datetime) -> list[Page]:
    """Pages over the hourly stamps in [``start``, ``end``) that the exchange still keeps and may show.

    A stamp counts from when the hour that begins at it is over. What lies before POSITIONING_KEPT is left
    out: there may be no page at all.
    """
    step = Timeframe.H1.milliseconds
    since = max(start, now - POSITIONING_KEPT)
    since = since if onboard is None else max(since, Timeframe.H1.floor(onboard))
    first = -(-to_milliseconds(since) // step) * step
    until = min(-(-to_milliseconds(end) // step) * step, to_milliseconds(Timeframe.H1.floor(now)))
    return [
        Page(stamp, min(stamp + (HOURS_PER_PAGE - 1) * step, until - step), HOURS_PER_PAGE)
        for stamp in range(first, until, HOURS_PER_PAGE * step)
    ]
