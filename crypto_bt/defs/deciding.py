"""What a person sees and decides of quarantined rows."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import polars as pl

from crypto_bt.core.candle_flags import JUMP
from crypto_bt.core.datasets import DATASETS, Dataset
from crypto_bt.core.doubt import ACCEPTED, REJECTED, standing
from crypto_bt.core.errors import UsageError
from crypto_bt.core.exported_rows import VALIDATORS
from crypto_bt.core.market import Timeframe
from crypto_bt.core.merging import merge
from crypto_bt.core.raw_rows import CONFLICT
from crypto_bt.core.schemas import DECISION_SCHEMA
from crypto_bt.defs.resources import Desk
from crypto_bt.store import Snapshot

#: Reasons that leave a person something to decide; a row refused for another is impossible or not final.
DECIDABLE: Final = (JUMP, CONFLICT)
#: Stored rows shown on either side of a quarantined one.
NEIGHBOURS: Final = 3
_PERSON: Final = "a person"


@dataclass(frozen=True)
class Dossier:
    """All that is known of one quarantined time: see :func:`look_up`."""

    rows: tuple[Mapping[str, Any], ...]
    raws: tuple[object, ...]
    neighbours: pl.DataFrame
    mark_price: Mapping[str, Any] | None


def quarantined(desk: Desk, symbols: Sequence[str] | None = None) -> pl.DataFrame:
    """Quarantined rows with ``state`` and ``healed`` (see ``core.doubt.standing``), those not healed first."""
    rows = desk.store.read("quarantine", symbols=symbols)
    decisions = desk.store.read("decisions", symbols=symbols)
    return standing(rows, decisions, _stored_keys(desk, rows)).sort(
        "healed", "open_time", "symbol", "dataset", "reason", descending=[False, True, False, False, False]
    )


def look_up(desk: Desk, symbol: str, dataset: str, opened: datetime) -> Dossier:
    """What was quarantined of ``symbol`` at ``opened``: the rows with their state, each raw row by itself.

    Beside them the nearest stored rows, and the mark price of the candle's last hour if there is one. Raises
    UsageError where nothing is quarantined.
    """
    rows = _rows_at(desk, symbol, dataset, opened)
    raws = [json.loads(line) for row in rows.iter_rows(named=True) for line in row["raw"].split("\n")]
    shape = DATASETS[dataset]
    stored = desk.store.read(dataset, symbols=[symbol])
    time = pl.col(shape.time)
    around = [
        stored.filter(time < opened).tail(NEIGHBOURS),
        stored.filter(time == opened),
        stored.filter(time > opened).head(NEIGHBOURS),
    ]
    mark = None
    if shape.timeframe is not None and shape.timeframe.delta >= Timeframe.H1.delta:
        hour = opened + shape.timeframe.delta - Timeframe.H1.delta
        found = desk.store.read("mark_price_1h", symbols=[symbol], start=hour, end=hour + Timeframe.H1.delta)
        mark = next(found.iter_rows(named=True), None)
    return Dossier(tuple(rows.iter_rows(named=True)), tuple(raws), pl.concat(around), mark)


def accept(desk: Desk, symbol: str, dataset: str, opened: datetime, *, row: int | None = None) -> Snapshot:
    """Publish a quarantined row as a person's decision; ``row`` (from 1) picks one where several are held.

    The row is validated as a fetched one is. Raises UsageError when it is not for a person to accept.
    """
    by = "data quarantine accept"
    with desk.home.locked("market", by):
        shape, now = DATASETS[dataset], desk.clock()
        rows = _decidable(_rows_at(desk, symbol, dataset, opened), "accepted")
        raws = [line for raw in rows["raw"] for line in raw.split("\n")]
        if not 1 <= (row or 1) <= len(raws) or (row is None and len(raws) > 1):
            raise UsageError(
                f"{_named(symbol, dataset, opened)} has {len(raws)} rows in the quarantine.",
                f"Say which: --row 1 to --row {len(raws)}; see them: {_command('show', symbol, dataset, opened)}",
            )
        step = shape.timeframe.delta if shape.timeframe is not None else Timeframe.M15.delta
        valid = VALIDATORS[dataset](
            [json.loads(raws[(row or 1) - 1])],
            dataset=dataset,
            symbol=symbol,
            start=opened,
            end=opened + step,
            now=now,
        )
        if valid.frame.is_empty():
            reasons = ", ".join(valid.quarantine["reason"])
            raise UsageError(f"{_named(symbol, dataset, opened)} cannot be accepted: {reasons}.", _REFETCH)
        stored = desk.store.read(dataset, symbols=[symbol], start=opened, end=opened + step)
        made = merge(shape, stored, valid.frame, overwrite=True, now=now)
        if made.write.is_empty():
            raise UsageError(f"{_named(symbol, dataset, opened)} is stored with this very value.", "")
        changes = {dataset: made.write, "revisions": made.revisions}
        return _publish(desk, changes, _decision(symbol, dataset, opened, ACCEPTED, now, rows), by, now)


def reject(desk: Desk, symbol: str, dataset: str, opened: datetime) -> Snapshot:
    """Record that a waiting row is wrong: its value stays out for good, another one is judged anew.

    Raises UsageError when there is nothing to reject: it is stored, or it was refused in any case.
    """
    by = "data quarantine reject"
    with desk.home.locked("market", by):
        now = desk.clock()
        rows = _decidable(_rows_at(desk, symbol, dataset, opened), "rejected")
        if rows["healed"].any():
            raise UsageError(
                f"{_named(symbol, dataset, opened)} is stored by now; what is stored is not rejected.",
                "If it is wrong, import or fetch the right value.",
            )
        return _publish(desk, {}, _decision(symbol, dataset, opened, REJECTED, now, rows), by, now)


_REFETCH: Final = "Such a row is never stored; ask the exchange again: crypto-bt data repair"


def _rows_at(desk: Desk, symbol: str, dataset: str, opened: datetime) -> pl.DataFrame:
    end = opened + Timeframe.M15.delta
    rows = desk.store.read("quarantine", symbols=[symbol], start=opened, end=end)
    rows = rows.filter(pl.col("dataset") == dataset, pl.col("open_time") == opened)
    if rows.is_empty():
        raise UsageError(
            f"Nothing is quarantined of {_named(symbol, dataset, opened)}.",
            f"See what is: crypto-bt data quarantine list --symbols {symbol}",
        )
    decisions = desk.store.read("decisions", symbols=[symbol], start=opened, end=end)
    return standing(rows, decisions, _stored_keys(desk, rows))


def _decidable(rows: pl.DataFrame, verb: str) -> pl.DataFrame:
    """The rows that are for a person to decide; UsageError saying why where there is none."""
    open_rows = rows.filter(pl.col("reason").is_in(DECIDABLE))
    dataset, symbol, opened = rows.select("dataset", "symbol", "open_time").row(0)
    if open_rows.is_empty() or dataset not in VALIDATORS:
        reasons = ", ".join(rows["reason"].unique().sort())
        raise UsageError(f"{_named(symbol, dataset, opened)} cannot be {verb}: {reasons}.", _REFETCH)
    return open_rows


def _stored_keys(desk: Desk, rows: pl.DataFrame) -> pl.DataFrame:
    """(dataset, symbol, open_time) of what the store holds at the times of ``rows``."""
    place = ["dataset", "symbol", "open_time"]
    found = [rows.select(place).clear()]
    for (name,), part in rows.filter(pl.col("dataset").is_in(list(DATASETS))).group_by("dataset"):
        shape = DATASETS[str(name)]
        wanted = part.select("symbol", "open_time").unique()
        first, last = wanted.select(a=pl.col("open_time").min(), b=pl.col("open_time").max()).row(0)
        keys = desk.store.read(
            shape.name,
            symbols=wanted["symbol"].unique().to_list(),
            start=first,
            end=last + Timeframe.M15.delta,
            columns=[shape.entity, shape.time],
        ).rename({shape.entity: "symbol", shape.time: "open_time"})
        found.append(keys.join(wanted, on=["symbol", "open_time"], how="semi").select(dataset=pl.lit(name), *[]))
    return pl.concat(found).unique()
