"""Doubtful candles: possible by themselves, but nothing around them says that they are true.

A jump of which no other figure knows waits for a person at most a day; then the value of the exchange, which
has stood a day, wins. What is withheld goes to the quarantine with its raw row, what is decided to the
decisions. Doubt is about prices: a candle whose prices are equal has *the same value*, whatever its volume.

The decision *in force* on a value was made at or after the time at which the value was seen. Another value
is seen later, and so an older decision does not hold for it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log
from typing import Any, Final

import polars as pl

from crypto_bt.core.candle_flags import JUMP, JUMP_HISTORY, jumps
from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.core.raw_rows import raw_text
from crypto_bt.core.schemas import DECISION_SCHEMA, QUARANTINE_SCHEMA

#: How long a doubtful candle waits for a person; what closed longer ago is settled.
WAIT: Final = timedelta(hours=24)
#: A mark price that is so near, as a fraction of itself, bears a candle's close out.
MARK_AGREES: Final = 0.05
#: A next candle that takes back more than this share of a jump does not bear it out.
REVERSAL: Final = 0.5
#: So many symbols that jump at one time, as a share of all and at least, are an event of the market.
MARKET_SHARE: Final = 0.2
MARKET_LEAST: Final = 5

ACCEPTED: Final = "accepted"
REJECTED: Final = "rejected"
CONFIRMED: Final = "confirmed"
EXCHANGE: Final = "exchange"
WAITING: Final = "waiting"
REFUSED: Final = "refused"
PRICES: Final = ("open", "high", "low", "close")
_KEY: Final = ("symbol", "open_time")
_ROW: Final = ("dataset", *_KEY)
_MILLISECOND: Final = timedelta(milliseconds=1)

Key = tuple[str, datetime]


@dataclass(frozen=True, slots=True)
class Judged:
    """``keep``: candles to store; ``withheld``: quarantine rows of the others; ``decisions``: new ones."""

    keep: pl.DataFrame
    withheld: pl.DataFrame
    decisions: pl.DataFrame


@dataclass(frozen=True, slots=True)
class _Held:
    """A jump in the quarantine, its prices, and the decision in force on it (empty: it waits)."""

    row: Mapping[str, Any]
    prices: tuple[float, ...] | None
    decision: str


def history_start(timeframe: Timeframe, now: datetime) -> datetime:
    """From when on stored candles of every symbol are needed to judge what closed in the last day."""
    return now - WAIT - (JUMP_HISTORY + 1) * timeframe.delta


def withhold(
    fetched: pl.DataFrame,
    *,
    timeframe: Timeframe,
    stored: pl.DataFrame,
    marks: pl.DataFrame,
    quarantine: pl.DataFrame,
    decisions: pl.DataFrame,
    now: datetime,
) -> Judged:
    """Judge candles just fetched (each key once): every one is either kept or withheld.

    Withheld are those that a person rejected, and jumps that nothing bears out: they closed within ``WAIT``
    (so none waits longer); they are not stored with the same value; the mark price of their last hour is
    missing or further off than ``MARK_AGREES``; the next candle is missing or takes back more than
    ``REVERSAL`` of them; fewer than ``MARKET_LEAST`` symbols, or than ``MARKET_SHARE`` of them, jump at that
    time; and no person accepted them. A waiting candle that is then kept with the value that waited is
    decided as confirmed by the exchange.

    ``stored``: candles of all symbols from :func:`history_start` on. ``marks``: mark prices by the hour,
    stored or fetched. ``quarantine`` and ``decisions``: rows of those datasets, of any dataset and time. A
    value that is withheld again keeps the row that it has, and so its wait never grows. Each frame is sorted
    by its key.
    """
    dataset = timeframe.dataset
    fetched = fetched.sort(_KEY)
    made: dict[Key, tuple[str, datetime]] = {
        (symbol, opened): (decision, at)
        for symbol, opened, decision, at in decisions.filter(pl.col("dataset") == dataset)
        .select(*_KEY, "decision", "decided_at")
        .iter_rows()
    }
    held = _held(quarantine.filter(dataset=dataset, reason=JUMP).join(fetched, on=_KEY, how="semi"), made)
    doubtful = _doubtful(fetched, timeframe, stored, marks, now)
    refused: dict[Key, Mapping[str, Any]] = {}
    confirmed: list[Key] = []
    for candle in _at(fetched, {*held, *doubtful}).iter_rows(named=True):
        key = (candle["symbol"], candle["open_time"])
        old = held.get(key)
        if old is not None and old.prices == tuple(candle[name] for name in PRICES):
            if old.decision == REJECTED or (not old.decision and key in doubtful):
                refused[key] = old.row
            elif not old.decision:
                confirmed.append(key)
        elif key in doubtful:
            seen = max(now, made[key][1] + _MILLISECOND) if key in made else now
            raw = raw_text(raw_candle(candle, timeframe))
            refused[key] = dict(zip(QUARANTINE_SCHEMA, (dataset, *key, JUMP, raw, seen), strict=True))
    decided = [(dataset, *key, CONFIRMED, EXCHANGE, now) for key in confirmed]
    return Judged(
        fetched.join(_keys(refused), on=_KEY, how="anti", maintain_order="left") if refused else fetched,
        pl.DataFrame(list(refused.values()), schema=QUARANTINE_SCHEMA),
        pl.DataFrame(decided, schema=DECISION_SCHEMA, orient="row"),
    )


def standing(quarantine: pl.DataFrame, decisions: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``quarantine`` with the columns ``state`` and ``healed``.

    ``state`` is the decision in force, else waiting for a jump and refused for any other reason. ``healed``:
    ``stored`` (dataset, symbol, open_time of what the store holds) has a row of that time by now.
    """
    judged = quarantine.join(
        decisions.select(*_ROW, "decision", "decided_at"), on=_ROW, how="left", maintain_order="left"
    ).join(stored.with_columns(healed=True), on=_ROW, how="left", maintain_order="left")
    undecided = pl.when(pl.col("reason") == JUMP).then(pl.lit(WAITING)).otherwise(pl.lit(REFUSED))
    in_force = pl.when(pl.col("decided_at") >= pl.col("seen_at")).then("decision")
    return judged.select(
        *QUARANTINE_SCHEMA,
        state=pl.coalesce(in_force, undecided),
        healed=pl.col("healed").fill_null(value=False),
    )


def raw_candle(candle: Mapping[str, Any], timeframe: Timeframe) -> list[object]:
    """A stored candle or mark price as the row of twelve fields that the exchange sent; else null."""
    opened = to_milliseconds(candle["open_time"])
    prices = [candle[name] for name in PRICES]
    volumes = [candle.get(name) for name in ("quote_volume", "trades", "taker_buy_volume")]
    return [opened, *prices, candle.get("volume"), opened + timeframe.milliseconds - 1, *volumes, None, "0"]


def _held(rows: pl.DataFrame, made: Mapping[Key, tuple[str, datetime]]) -> dict[Key, _Held]:
    held = {}
    for row in rows.iter_rows(named=True):
        key = (row["symbol"], row["open_time"])
        decision, at = made.get(key, ("", row["seen_at"]))
        held[key] = _Held(row, _raw_prices(row["raw"]), decision if at >= row["seen_at"] else "")
    return held


def _raw_prices(raw: str) -> tuple[float, ...] | None:
    """Open, high, low and close of a raw candle row; None where it holds none."""
    try:
        return tuple(float(price) for price in json.loads(raw)[1:5])
    except (ValueError, TypeError, KeyError):
        return None


def _doubtful(
    fetched: pl.DataFrame, timeframe: Timeframe, stored: pl.DataFrame, marks: pl.DataFrame, now: datetime
) -> set[Key]:
    """Keys of the fetched candles that are young jumps and that no figure bears out."""
    step = timeframe.delta
    young = fetched.filter(pl.col("open_time") + step > now - WAIT)
    if young.is_empty():
        return set()
    columns = [*_KEY, "close"]
    around = pl.concat([stored.join(fetched, on=_KEY, how="anti").select(columns), fetched.select(columns)])
    around = around.filter(pl.col("open_time") >= history_start(timeframe, now)).sort(_KEY)
    found = jumps(around, timeframe)
    if found.is_empty():
        return set()
    close, opened = pl.col("close"), pl.col("open_time")
    follows = opened.shift(-1).over("symbol") - opened == step
    around = around.with_columns(
        before=close.shift(1).over("symbol"),
        next=pl.when(follows).then((close.shift(-1).over("symbol") / close).log()),
        symbols=pl.len().over("open_time"),
    )
    jumping = pl.len().over("open_time")
    crowd = (jumping >= MARKET_LEAST) & (jumping >= MARKET_SHARE * pl.col("symbols"))
    goes_on = pl.col("next") * pl.col("value") >= -REVERSAL * pl.col("value") ** 2
    alone = (
        found.join(around, on=_KEY, maintain_order="left")
        .filter(~crowd, ~goes_on.fill_null(value=False))
        .join(young, on=_KEY, how="semi")
        .join(_unchanged(young, stored), on=_KEY, how="anti")
    )
    return _without_returns(_not_borne_out(alone, timeframe, marks).sort(_KEY), timeframe)


def _unchanged(fetched: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    return fetched.join(stored, on=[*_KEY, *PRICES], how="semi")


def _not_borne_out(alone: pl.DataFrame, timeframe: Timeframe, marks: pl.DataFrame) -> pl.DataFrame:
    """The candles of ``alone`` whose close is not near the mark price of their last hour."""
    last = (pl.col("open_time") + timeframe.delta - _MILLISECOND).dt.truncate("1h")
    close, mark = pl.col("close"), pl.col("close_mark")
    near = (close / mark - 1).abs() <= MARK_AGREES
    if timeframe.delta < Timeframe.H1.delta:
        # The mark price of the quarter is somewhere between the hour's lowest and highest.
        low, high = pl.col("low_mark"), pl.col("high_mark")
        near = (close >= low * (1 - MARK_AGREES)) & (close <= high * (1 + MARK_AGREES))
    hours = marks.select("symbol", hour="open_time", low_mark="low", high_mark="high", close_mark="close")
    both = alone.with_columns(hour=last).join(hours, on=["symbol", "hour"], how="left")
    return both.filter(~near.fill_null(value=False))


def _without_returns(alone: pl.DataFrame, timeframe: Timeframe) -> set[Key]:
    """Keys of ``alone`` less those that only come back from a doubtful candle just before them."""
    doubtful: set[Key] = set()
    trusted: dict[Key, float] = {}
    columns = (*_KEY, "before", "close", "least")
    for symbol, opened, before, close, least in alone.select(columns).iter_rows():
        base = trusted.get((symbol, opened), before)
        if abs(log(close / base)) >= least:
            doubtful.add((symbol, opened))
            trusted[symbol, opened + timeframe.delta] = base
    return doubtful


def _at(fetched: pl.DataFrame, keys: set[Key]) -> pl.DataFrame:
    if not keys:
        return fetched.clear()
    return fetched.join(_keys(keys), on=_KEY, how="semi", maintain_order="left")


def _keys(keys: "set[Key] | dict[Key, Any]") -> pl.DataFrame:
    schema = {name: QUARANTINE_SCHEMA[name] for name in _KEY}
    return pl.DataFrame(list(keys), schema=schema, orient="row")
