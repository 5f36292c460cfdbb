"""The answer of /fapi/v1/ticker/24hr, out of the hourly candles of the last day."""

from typing import Final

from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.simulator.market import Market, SymbolInfo, Window

TickerRow = dict[str, str | int | None]
_HOURS: Final = 24


def tickers(market: Market) -> list[TickerRow]:
    """A ticker of every symbol that was traded in the last 24 hours."""
    rows = (ticker(market, info) for info in market.symbols())
    return [row for row in rows if row is not None]


def ticker(market: Market, info: SymbolInfo) -> TickerRow | None:
    """The last 24 hourly candles of ``info``, the unfinished one included, as one; None if there are none.

    ``quoteVolume`` is null where the market does not know the turnover of each of them.
    """
    now = to_milliseconds(market.now())
    start = now - _HOURS * Timeframe.H1.milliseconds
    candles = market.candles(info.symbol, Timeframe.H1, Window(start + 1, now, _HOURS))
    if not candles:
        return None
    opened, closed = float(str(candles[0][1])), float(str(candles[-1][4]))
    volume = sum(float(str(row[5])) for row in candles)
    turnovers = [float(row[7]) for row in candles if row[7] is not None]
    turnover = f"{sum(turnovers):.2f}" if len(turnovers) == len(candles) else None
    mean = f"{float(turnover) / volume:.{info.price_decimals}f}" if turnover and volume else None
    return {
        "symbol": info.symbol,
        "priceChange": f"{closed - opened:.{info.price_decimals}f}",
        "priceChangePercent": f"{100 * (closed / opened - 1):.3f}",
        "weightedAvgPrice": mean,
        "lastPrice": str(candles[-1][4]),
        "openPrice": str(candles[0][1]),
        "highPrice": max((str(row[2]) for row in candles), key=float),
        "lowPrice": min((str(row[3]) for row in candles), key=float),
        "volume": f"{volume:.{info.quantity_decimals}f}",
        "quoteVolume": turnover,
        "openTime": start,
        "closeTime": now,
        "count": sum(int(row[8]) for row in candles if row[8] is not None),
    }
