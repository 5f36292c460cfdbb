"""What a home misses, as the ranges of days that a run can ask for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from crypto_bt.core.candle_flags import JUMP
from crypto_bt.core.datasets import CANDLE_DATASETS, DATASETS
from crypto_bt.core.doubt import REJECTED, WAIT, WAITING, standing
from crypto_bt.core.lacking import HEALED, LACKING_SCHEMA, MissingRange, lacking, ranges_of
from crypto_bt.core.market import EXCHANGE_OPENED, Timeframe
from crypto_bt.core.schemas import UTC_MS

#: An update that is under way, or the next one, has so long to bring what has just closed.
GRACE: Final = timedelta(hours=3)
#: Ranges become one run where that asks for no more than so many times the days of symbols.
JOINING_COSTS: Final = 2
_KEY: Final = ["dataset", "symbol", "open_time"]


@dataclass(frozen=True, slots=True)
class Missing:
    """``days`` that lack ``candles`` candles (and other rows), over all of its datasets and symbols."""

    days: MissingRange
    candles: int

    def to_plain(self) -> dict[str, Any]:
        """The same as values that JSON can hold."""
        days = self.days
        return {
            "start": days.start.isoformat(),
            "end": days.end.isoformat(),
            "datasets": list(days.datasets),
            "symbols": list(days.symbols),
            "candles": self.candles,
        }

    @staticmethod
    def from_plain(plain: Mapping[str, Any]) -> "Missing":
        """Read what :meth:`to_plain` wrote; KeyError, TypeError or ValueError for anything else."""
        start, end = (datetime.fromisoformat(plain[name]) for name in ("start", "end"))
        days = MissingRange(start, end, tuple(plain["datasets"]), tuple(plain["symbols"]))
        return Missing(days, int(plain["candles"]))


def missing_candles(
    stored: Mapping[str, pl.DataFrame],
    *,
    onboard: Mapping[str, datetime],
    starts: Mapping[str, datetime],
    excused: pl.DataFrame,
    now: datetime,
) -> pl.DataFrame:
    """The candles, one by one, that closed ``GRACE`` before ``now`` or earlier and are not stored.

    ``stored``: keys (symbol, open_time) by candle dataset. ``starts``: from when on each dataset counts; one
    without a start does not. ``onboard``: the tradable symbols and since when each is traded. ``excused``:
    candles that nobody is to ask for (see :func:`withheld`), with the columns of ``LACKING_SCHEMA``.
    """
    found = [pl.DataFrame(schema=LACKING_SCHEMA)]
    for name, start in starts.items():
        timeframe = DATASETS[name].timeframe
        if name in CANDLE_DATASETS and timeframe is not None:
            since = max(start, EXCHANGE_OPENED)
            found.append(lacking(stored[name], timeframe, onboard, since, now - GRACE))
    return pl.concat(found).join(excused, on=_KEY, how="anti", maintain_order="left")


def missing_ranges(lack: pl.DataFrame) -> list[Missing]:
    """The days of ``lack`` (see :func:`missing_candles`), whole and contiguous, in few ranges, oldest first.

    What all symbols missed at a time is one range, also where some were listed, or stopped, in between.
    """
    joined = _joined(ranges_of(lack))
    spans = pl.DataFrame(
        [(place, item.start, item.end, item.symbols) for place, item in enumerate(joined)],
        schema={"place": pl.UInt32(), "start": UTC_MS, "end": UTC_MS, "symbol": pl.List(pl.String())},
        orient="row",
    )
    held = lack.join(spans.explode("symbol"), on="symbol").filter(
        pl.col("open_time") >= pl.col("start"), pl.col("open_time") < pl.col("end")
    )
    counts = dict(held.group_by("place").len().iter_rows())
    return [Missing(days, counts[place]) for place, days in enumerate(joined)]


def withheld(quarantine: pl.DataFrame, decisions: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Candles that were kept out on purpose: jumps that wait for a person, and those that one rejected.

    A jump that has waited ``WAIT`` is not among them: asking for it again settles it. In ``LACKING_SCHEMA``.
    """
    jumps = quarantine.filter(pl.col("dataset").is_in(CANDLE_DATASETS), reason=JUMP)
    nothing = pl.DataFrame(schema=LACKING_SCHEMA)
    waits = (pl.col("state") == WAITING) & (pl.col("seen_at") > now - WAIT)
    judged = standing(jumps, decisions, nothing)
    return judged.filter(waits | (pl.col("state") == REJECTED)).select(_KEY).unique(maintain_order=True)


def _joined(ranges: Sequence[MissingRange]) -> list[MissingRange]:
    """``ranges`` (oldest first), each joined to the one before it that it overlaps or touches, if cheap."""
    joined: list[MissingRange] = []
    for item in ranges:
        for place, other in enumerate(joined):
            both = _both(other, item)
            if item.start <= other.end and _cost(both) <= JOINING_COSTS * (_cost(other) + _cost(item)):
                joined[place] = both
                break
        else:
            joined.append(item)
    return joined


def _both(one: MissingRange, other: MissingRange) -> MissingRange:
    return MissingRange(
        min(one.start, other.start),
        max(one.end, other.end),
        tuple(name for name in HEALED if name in one.datasets or name in other.datasets),
        tuple(sorted({*one.symbols, *other.symbols})),
    )


def _cost(item: MissingRange) -> float:
    return (item.end - item.start) / Timeframe.D1.delta * len(item.symbols)
