"""What a repair asks for: the days, datasets and symbols of candles that are missing or impossible."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from crypto_bt.core.candle_quality import impossible
from crypto_bt.core.datasets import CANDLE_DATASETS, DATASETS
from crypto_bt.core.lacking import LACKING_SCHEMA, MissingRange, lacking, ranges_of
from crypto_bt.core.market import Timeframe

if TYPE_CHECKING:
    from crypto_bt.core.market import Listing
    from crypto_bt.defs.resources import Desk

#: An update that is under way has so long to bring what has just closed.
GRACE: Final = timedelta(hours=3)
#: What has no candles of its own to miss, but was not fetched while the candles were not.
COMPANIONS: Final = ("funding_rates", "mark_price_1h")
_CANDLE: Final = ["symbol", "open_time", "open", "high", "low", "close", "volume"]


async def ask_listings(desk: "Desk") -> "dict[str, Listing]":
    """What the exchange lists now; SourceError when it cannot be asked."""
    async with desk.source(scheduled=False) as source:
        return await source.listings()


def history_starts(desk: "Desk", datasets: Sequence[str]) -> dict[str, datetime]:
    """First day from which on candles count as missing, of each of ``datasets`` that has any."""
    current = desk.store.current()
    firsts = {} if current is None else {name: [o.first for o in current.of(name)] for name in datasets}
    starts = {name: desk.settings.history_start or min(times) for name, times in firsts.items() if times}
    return {name: Timeframe.D1.floor(start) for name, start in starts.items()}


def lacking_candles(
    desk: "Desk",
    starts: Mapping[str, datetime],
    onboard: Mapping[str, datetime],
    end: datetime,
) -> pl.DataFrame:
    """Candles that closed by ``end`` and are not stored, or cannot be right: of each dataset from its start.

    ``onboard`` gives the symbols and since when they are traded. In ``LACKING_SCHEMA``.
    """
    found = [pl.DataFrame(schema=LACKING_SCHEMA)]
    current = desk.store.current()
    for name, start in starts.items():
        timeframe = DATASETS[name].timeframe
        if timeframe is None:
            continue
        stored = desk.store.read(
            name,
            symbols=list(onboard),
            start=start,
            end=end,
            columns=_CANDLE,
            at=current.id if current else None,
        )
        good = stored.join(impossible(stored), on=["symbol", "open_time"], how="anti")
        found.append(lacking(good, timeframe, onboard, start, end))
    return pl.concat(found)


def plan_repairs(lack: pl.DataFrame, chosen: Sequence[str]) -> list[MissingRange]:
    """The ranges of days to ask again for ``lack``, oldest first.

    Of the feeds ``chosen`` those are asked along that were not fetched either while candles were not, and the
    regime, which is made of them.
    """
    ranges = []
    for item in ranges_of(lack):
        along = [name for name in COMPANIONS if name in chosen]
        regime = ["market_regime"] if "market_regime" in chosen and "candles_4h" in item.datasets else []
        ranges.append(MissingRange(item.start, item.end, (*item.datasets, *along, *regime), item.symbols))
    return ranges


def refused_candles(desk: "Desk", lack: pl.DataFrame) -> pl.DataFrame:
    """Those of ``lack`` that the exchange sent and that were refused: the quarantine holds a row."""
    if lack.is_empty():
        return lack
    held = desk.store.read("quarantine", symbols=lack["symbol"].unique().to_list())
    held = held.filter(pl.col("dataset").is_in(CANDLE_DATASETS))
    return lack.join(held, on=["dataset", "symbol", "open_time"], how="semi")
