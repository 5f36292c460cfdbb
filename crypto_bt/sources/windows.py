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
#: BTCUSDT has candles 16 days older than its onboard date, others a day: so much before it is asked too.
ASKED_EARLIER: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Page:
    """One request: rows from ``start`` to ``end`` (ms, inclusive), at most ``limit``."""

    start: int
    end: int
    limit: int


def _asked_since(timeframe: Timeframe, start: datetime, onboard: datetime | None, now: datetime) -> datetime:
    """From when on to ask: of a symbol that is not listed yet nothing before its listing."""
    if onboard is None:
        return start
    return max(start, timeframe.floor(onboard if onboard >= now else onboard - ASKED_EARLIER))


def candle_weight(limit: int) -> int:
    """Request weight of ``limit`` candles (1 to 1500)."""
    return next(weight for most, weight in _WEIGHTS if limit <= most)


def candle_pages(
    timeframe: Timeframe, start: datetime, end: datetime, onboard: datetime | None, now: datetime
) -> list[Page]:
    """Pages over the candles that open in [``start``, ``end``), were listed, and are closed at ``now``.

    The pages depend on the window alone, not on what earlier pages held: a wrong time in an answer cannot
    make the next one skip candles. Candles may be older than the ``onboard`` time that the exchange states.
    """
    step = timeframe.milliseconds
    since = _asked_since(timeframe, start, onboard, now)
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
    since = _asked_since(Timeframe.H1, start, onboard, now)
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
