"""What a repair asks for: the days, datasets and symbols of candles that are missing or impossible."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import polars as pl

from crypto_bt.core.candle_quality import impossible
from crypto_bt.core.datasets import CANDLE_DATASETS, DATASETS
from crypto_bt.core.feed_holes import FEEDS, feed_holes
from crypto_bt.core.lacking import FUNDING, HEALED, MissingRange
from crypto_bt.core.market import Timeframe
from crypto_bt.core.missing import GRACE, missing_candles, missing_ranges, withheld
from crypto_bt.core.schemas import UTC_MS

if TYPE_CHECKING:
    from crypto_bt.core.market import Listing
    from crypto_bt.defs.resources import Desk

_MAKE_REGIME: Final = {Timeframe.H4.dataset, FUNDING}
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
    desk: "Desk", starts: Mapping[str, datetime], onboard: Mapping[str, datetime], end: datetime
) -> pl.DataFrame:
    """Rows before ``end`` that are not stored, or candles that cannot be: of each dataset from its start on.

    ``onboard`` gives the symbols and since when they are traded. Those that a person rejected, or has a day
    to judge, are not among them. In ``LACKING_SCHEMA``.
    """
    current, symbols, now = desk.store.current(), list(onboard), desk.clock()
    at = current.id if current else None
    stored = {}
    for name, start in starts.items():
        if name in FEEDS:
            continue
        candles = desk.store.read(name, symbols=symbols, start=start, end=end, columns=_CANDLE, at=at)
        stored[name] = candles.join(
            impossible(candles), on=["symbol", "open_time"], how="anti", maintain_order="left"
        )
    refused, decided = (desk.store.read(name, symbols=symbols, at=at) for name in ("quarantine", "decisions"))
    found = missing_candles(
        stored, onboard=onboard, starts=starts, excused=withheld(refused, decided, now), now=now
    )
    columns = {name: ["symbol", DATASETS[name].time] for name in FEEDS if name in starts}
    # Read whole: what is missing at the edge of the days is told by the row before it.
    beside = {
        name: desk.store.read(name, symbols=symbols, columns=two, at=at) for name, two in columns.items()
    }
    holes = feed_holes(beside, onboard, now - GRACE)
    since = pl.col("dataset").replace_strict(dict(starts), default=None, return_dtype=UTC_MS)
    holes = holes.filter(pl.col("open_time") >= since) if beside else holes
    return pl.concat([found, holes]).filter(pl.col("open_time") < end)


def plan_repairs(lack: pl.DataFrame, chosen: Sequence[str]) -> list[MissingRange]:
    """The ranges of days to ask again for ``lack``, oldest first.

    Of the feeds ``chosen`` those are asked along that were not fetched either while candles were not, and the
    regime, which is made of them.
    """
    ranges = []
    for days in (item.days for item in missing_ranges(lack)):
        candles = any(name in CANDLE_DATASETS for name in days.datasets)
        along = [name for name in FEEDS if candles and name in chosen]
        regime = ["market_regime"] if "market_regime" in chosen and _MAKE_REGIME & {*days.datasets} else []
        ranges.append(replace(days, datasets=tuple(dict.fromkeys([*days.datasets, *along, *regime]))))
    return ranges


def refused_candles(desk: "Desk", lack: pl.DataFrame) -> pl.DataFrame:
    """Those of ``lack`` that the exchange sent and that were refused: the quarantine holds a row."""
    if lack.is_empty():
        return lack
    held = desk.store.read("quarantine", symbols=lack["symbol"].unique().to_list())
    held = held.filter(pl.col("dataset").is_in(HEALED))
    return lack.join(held, on=["dataset", "symbol", "open_time"], how="semi")
