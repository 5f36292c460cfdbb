"""The REST endpoints: what they cost, what they accept, what they answer."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.simulator.exchange_info import exchange_info
from crypto_bt.simulator.market import Market, Window
from crypto_bt.simulator.positioning import KEPT, PERIODS
from crypto_bt.simulator.tickers import ticker, tickers

_ALL_TICKERS: Final = 40
FUNDING_PATH: Final = "/fapi/v1/fundingRate"
Query = Mapping[str, str]


class Limiter(StrEnum):
    """Limits of calls that some endpoints have beside the weight."""

    FUNDING = "fundingRate"
    POSITIONING = "futures/data"


class Refusal(Exception):
    """An answer in the exchange's error shape: HTTP ``status`` and ``{"code", "msg"}``."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status
        self.body = json.dumps({"code": code, "msg": message})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``weight`` of a query, and the JSON text that answers it.

    ``limiter`` names the limit of its own that every call counts against, if it has one.
    """

    weight: Callable[[Query], int]
    answer: Callable[[Query], str]
    limiter: Limiter | None = None


def endpoints(market: Market, weight_limit: int) -> dict[str, Endpoint]:
    """All endpoints over ``market``, by path."""
    symbols = frozenset(info.symbol for info in market.symbols())

    def one(query: Query) -> int:
        return 1

    def candles(query: Query) -> str:
        symbol = _symbol(symbols, query)
        return _text(market.candles(symbol, _timeframe(query), _window(query, 500, 1500)))

    def mark_prices(query: Query) -> str:
        symbol = _symbol(symbols, query)
        return _text(market.mark_prices(symbol, _timeframe(query), _window(query, 500, 1500)))

    return {
        "/fapi/v1/ping": Endpoint(one, lambda query: "{}"),
        "/fapi/v1/time": Endpoint(one, lambda query: _text({"serverTime": to_milliseconds(market.now())})),
        "/fapi/v1/exchangeInfo": Endpoint(one, lambda query: _text(exchange_info(market, weight_limit))),
        "/fapi/v1/klines": Endpoint(candle_weight, candles),
        "/fapi/v1/markPriceKlines": Endpoint(candle_weight, mark_prices),
        "/fapi/v1/ticker/24hr": Endpoint(
            lambda query: 1 if "symbol" in query else _ALL_TICKERS,
            lambda query: _text(_tickers(market, query)),
        ),
        FUNDING_PATH: Endpoint(
            lambda query: 0,
            lambda query: _text(market.funding(_symbol(symbols, query), _window(query, 100, 1000))),
            Limiter.FUNDING,
        ),
        **_positioning(market, symbols),
    }


def _positioning(market: Market, symbols: Collection[str]) -> dict[str, Endpoint]:
    """The endpoints under /futures/data; they keep 30 days and refuse to look for older rows."""

    def endpoint(rows: Callable[[str, str, Window], object]) -> Endpoint:
        def answer(query: Query) -> str:
            symbol = _symbol(symbols, query)
            period = query.get("period", "")
            if not period:
                raise Refusal(
                    -1102, "Mandatory parameter 'period' was not sent, was empty/null, or malformed."
                )
            if period not in PERIODS:
                raise Refusal(-1130, "parameter 'period' is invalid.")
            window = _window(query, 30, 500)
            if window.start is not None and window.start < to_milliseconds(market.now()) - KEPT:
                raise Refusal(-1130, "parameter 'startTime' is invalid.")
            return _text(rows(symbol, period, window))

        return Endpoint(lambda query: 0, answer, Limiter.POSITIONING)

    return {
        "/futures/data/openInterestHist": endpoint(market.positioning.open_interest),
        "/futures/data/globalLongShortAccountRatio": endpoint(market.positioning.account_ratio),
        "/futures/data/takerlongshortRatio": endpoint(market.positioning.taker_volume),
    }


def _tickers(market: Market, query: Query) -> object:
    if "symbol" not in query:
        return tickers(market)
    infos = {info.symbol: info for info in market.symbols()}
    return ticker(market, infos[_symbol(infos, query)]) or {}


def candle_weight(query: Query) -> int:
    """Weight of a candle query by its ``limit``; 1 for one that will be refused anyway."""
    try:
        limit = int(query.get("limit", 500))
    except ValueError:
        return 1
    return next(weight for top, weight in ((99, 1), (499, 2), (1000, 5), (limit, 10)) if limit <= top)


def _symbol(symbols: Collection[str], query: Query) -> str:
    symbol = query.get("symbol", "")
    if not symbol:
        raise Refusal(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    if symbol not in symbols:
        raise Refusal(-1121, "Invalid symbol.")
    return symbol


def _timeframe(query: Query) -> Timeframe:
    try:
        return Timeframe(query.get("interval", ""))
    except ValueError:
        raise Refusal(-1120, "Invalid interval.") from None


def _window(query: Query, default: int, most: int) -> Window:
    start, end = _integer(query, "startTime"), _integer(query, "endTime")
    limit = _integer(query, "limit")
    if limit is None:
        limit = default
    if not 1 <= limit <= most:
        raise Refusal(-1130, "Data sent for parameter 'limit' is not valid.")
    if start is not None and end is not None and start > end:
        raise Refusal(-1023, "Start time is greater than end time.")
    return Window(start, end, limit)


def _integer(query: Query, name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise Refusal(-1100, f"Illegal characters found in parameter '{name}'.") from None


def _text(answer: object) -> str:
    return json.dumps(answer, separators=(",", ":"))
