"""The questions put to the exchange, page by page, and how its answers are read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import SourceRefused
from crypto_bt.core.market import SYMBOL_PATTERN, Timeframe, from_milliseconds
from crypto_bt.sources.exchange_info import figure_of, listings_of
from crypto_bt.sources.session import Session
from crypto_bt.sources.source import FetchRequest
from crypto_bt.sources.windows import (
    Page,
    candle_pages,
    candle_weight,
    next_settlement_page,
    positioning_pages,
    settlement_page,
)

_TIME_LIMIT: Final = 253_402_300_800_000


async def ask_candles(
    session: Session, call: str, request: FetchRequest, onboard: datetime | None, now: datetime
) -> list[object]:
    """Raw candle rows of ``request`` that are closed at ``now``."""
    timeframe = DATASETS[request.dataset].timeframe
    if timeframe is None:
        raise SourceRefused(f"{request.dataset} has no timeframe.", "Ask for candles by their timeframe.")
    rows: list[object] = []
    for page in candle_pages(timeframe, request.start, request.end, onboard, now):
        query = {**_query(request, page), "interval": timeframe.value}
        weight = candle_weight(page.limit)
        rows += await session.ask(call, query, read_list, what=_named(request), weight=weight)
    return rows


async def ask_settlements(
    session: Session, call: str, request: FetchRequest, onboard: datetime | None, now: datetime
) -> list[object]:
    """Raw funding rows of ``request`` up to ``now``; they cost calls of their own limit, and no weight."""
    rows: list[object] = []
    page = settlement_page(request.start, request.end, onboard, now)
    while page is not None:
        query = _query(request, page)
        answer = await session.ask(call, query, read_list, what=_named(request), weight=0)
        rows += answer
        page = next_settlement_page(page, [_settled_at(row) for row in answer])
    return rows


async def ask_positioning(
    session: Session, call: str, request: FetchRequest, onboard: datetime | None, now: datetime
) -> list[object]:
    """Raw hourly positioning rows of ``request`` at ``now``, as far back as the exchange keeps them."""
    rows: list[object] = []
    for page in positioning_pages(request.start, request.end, onboard, now):
        query = {**_query(request, page), "period": Timeframe.H1.value}
        rows += await session.ask(call, query, read_list, what=_named(request), weight=0)
    return rows


def read_server_time(answer: object) -> datetime | None:
    """The exchange's clock; None where the answer holds none."""
    value = answer.get("serverTime") if isinstance(answer, dict) else None
    return from_milliseconds(value) if type(value) is int and 0 < value < _TIME_LIMIT else None


def read_exchange_info(answer: object) -> Mapping[str, Any] | None:
    """exchangeInfo as it came; an empty universe is a wrong answer, not a market without symbols."""
    return answer if isinstance(answer, dict) and listings_of(answer) else None


def read_list(answer: object) -> list[object] | None:
    """The answer if it is a list, empty or not."""
    return answer if isinstance(answer, list) else None


def read_tickers(answer: object) -> dict[str, float] | None:
    """Quote volume of the last 24 hours by symbol; rows that make no sense are left out."""
    if not isinstance(answer, list):
        return None
    found: dict[str, float] = {}
    for row in answer:
        symbol = row.get("symbol") if isinstance(row, dict) else None
        if isinstance(symbol, str) and SYMBOL_PATTERN.match(symbol):
            figure = figure_of(row.get("quoteVolume"))
            if figure is not None:
                found[symbol] = figure
    return found


def _query(request: FetchRequest, page: Page) -> dict[str, int | str]:
    bounds = {"startTime": page.start, "endTime": page.end, "limit": page.limit}
    return {"symbol": request.symbol, **bounds}


def _named(request: FetchRequest) -> str:
    return f"{request.symbol} {request.dataset} {request.start:%Y-%m-%d} to {request.end:%Y-%m-%d}"


def _settled_at(row: object) -> int:
    """The time of a funding row; -1, which is in no window, where it cannot be read."""
    time = row.get("fundingTime") if isinstance(row, dict) else None
    return time if type(time) is int else -1
