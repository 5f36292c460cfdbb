"""Hosts other than the exchange's, by their true paths: sentiment, macro series, coins, stablecoins.

They know no request weight. Each answers as its own host does, in its own error shape.
"""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Final

from crypto_bt.simulator.fred import fred_csv, fred_observations
from crypto_bt.simulator.replies import Query, Reply, json_reply, seconds_of
from crypto_bt.simulator.series import DOMINANCE, FEAR_GREED, MARKET_CAP, STABLECOINS, SeriesMarket

#: Upper ends of the classes of fear & greed.
_MOODS: Final = ((24, "Extreme Fear"), (46, "Fear"), (54, "Neutral"), (75, "Greed"), (100, "Extreme Greed"))


def outside(series: SeriesMarket, clock: Callable[[], datetime]) -> dict[str, Callable[[Query], Reply]]:
    """The answers by path, over ``series`` at the time of ``clock``."""
    return {
        "/fng/": lambda query: _fear_greed(series, clock(), query),
        "/fred/series/observations": lambda query: fred_observations(series, clock(), query),
        "/graph/fredgraph.csv": lambda query: fred_csv(series, clock(), query),
        "/api/v3/global": lambda query: _coins(series, clock()),
        "/stablecoincharts/all": lambda query: _stablecoins(series, clock()),
    }


def _fear_greed(series: SeriesMarket, now: datetime, query: Query) -> Reply:
    """alternative.me: newest first, one value unless ``limit`` says more; 0 is all."""
    rows = list(series.published(FEAR_GREED, now))[::-1]
    limit = int(query["limit"]) if query.get("limit", "").isdecimal() else 1
    data: list[dict[str, str]] = []
    for row in rows[: limit or None]:
        value = round(row.value or 0)
        mood = next(name for top, name in _MOODS if value <= top)
        data.append({"value": str(value), "value_classification": mood, "timestamp": seconds_of(row.day)})
    if data:
        midnight = datetime.combine(rows[0].day + timedelta(days=1), time(), UTC)
        data[0]["time_until_update"] = str(int((midnight - now).total_seconds()))
    return json_reply({"name": "Fear and Greed Index", "data": data, "metadata": {"error": None}})


def _coins(series: SeriesMarket, now: datetime) -> Reply:
    """CoinGecko's /global: one moment only; a figure that the market does not know is absent."""
    share, total = series.latest(DOMINANCE, now), series.latest(MARKET_CAP, now)
    taken = max((found[0] for found in (share, total) if found), default=now)
    return json_reply(
        {
            "data": {
                "total_market_cap": {"usd": total[1]} if total else {},
                "market_cap_percentage": {"btc": share[1]} if share else {},
                "updated_at": int(taken.timestamp()),
            }
        }
    )


def _stablecoins(series: SeriesMarket, now: datetime) -> Reply:
    """DefiLlama's chart of all stablecoins, ascending; the last day is not over."""
    return json_reply(
        [
            {
                "date": seconds_of(row.day),
                "totalCirculating": {"peggedUSD": row.value},
                "totalCirculatingUSD": {"peggedUSD": row.value},
            }
            for row in series.published(STABLECOINS, now)
        ]
    )
