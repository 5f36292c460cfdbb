"""What a person sees and decides of quarantined rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

from crypto_bt.core.candle_flags import JUMP
from crypto_bt.core.datasets import DATASETS, dataset_named
from crypto_bt.core.doubt import ACCEPTED, REJECTED, standing
from crypto_bt.core.errors import UsageError
from crypto_bt.core.exported_rows import VALIDATORS
from crypto_bt.core.market import Timeframe
from crypto_bt.core.merging import merge
from crypto_bt.core.raw_rows import CONFLICT
from crypto_bt.core.schemas import DECISION_SCHEMA
from crypto_bt.defs.resources import Desk
from crypto_bt.store import Snapshot

#: Reasons for which a row may be accepted; one refused for another is impossible or was not final.
ACCEPTABLE: Final = (JUMP, CONFLICT)
#: Stored rows shown on either side of a quarantined one.
NEIGHBOURS: Final = 3
PERSON: Final = "a person"
ACCEPT: Final = "data quarantine accept"
REJECT: Final = "data quarantine reject"
_MOMENT: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Case:
    """One quarantined time of a symbol and dataset."""

    symbol: str
    dataset: str
    open_time: datetime

    @property
    def text(self) -> str:
        """As a person reads it."""
        return f"{self.symbol} {self.dataset} {self.open_time:%Y-%m-%d %H:%M}"

    @property
    def arguments(self) -> str:
        """As the commands take it."""
        return f"{self.symbol} {self.dataset} {self.open_time:%Y-%m-%dT%H:%M}"


@dataclass(frozen=True)
class Dossier:
    """All that is known of a case: quarantine rows with ``state`` and ``healed``, and what is around them.

    ``raws`` are the rows as they were sent, as JSON, numbered from 1 for whoever picks one. ``mark_price`` is
    that of the candle's last hour.
    """

    rows: tuple[Mapping[str, Any], ...]
    raws: tuple[str, ...]
    neighbours: pl.DataFrame
    mark_price: Mapping[str, Any] | None


def quarantined(desk: Desk, symbols: Sequence[str] | None = None) -> pl.DataFrame:
    """Quarantined rows with ``state`` and ``healed`` (see ``core.doubt.standing``), the unhealed first."""
    rows = _standing(desk, desk.store.read("quarantine", symbols=symbols))
    keys = ["healed", "open_time", "symbol", "dataset", "reason"]
    return rows.sort(keys, descending=[False, True, False, False, False])


def look_up(desk: Desk, case: Case) -> Dossier:
    """What is known of ``case``, the nearest stored rows beside it. UsageError if nothing is quarantined."""
    rows = _rows_of(desk, case)
    shape = DATASETS[case.dataset]
    stored = desk.store.read(case.dataset, symbols=[case.symbol])
    time = pl.col(shape.time)
    before, after = stored.filter(time < case.open_time), stored.filter(time > case.open_time)
    neighbours = [before.tail(NEIGHBOURS), stored.filter(time == case.open_time), after.head(NEIGHBOURS)]
    mark = None
    if shape.timeframe is not None:
        hour = Timeframe.H1.floor(case.open_time + shape.timeframe.delta - _MOMENT)
        marks = desk.store.read("mark_price_1h", symbols=[case.symbol], start=hour, end=hour + _MOMENT)
        mark = next(marks.iter_rows(named=True), None)
    return Dossier(tuple(rows.iter_rows(named=True)), _raws(rows), pl.concat(neighbours), mark)


def accept(desk: Desk, case: Case, *, row: int | None = None) -> Snapshot:
    """Publish a quarantined row as a person's decision; ``row`` (from 1) picks one where there are several.

    The row is validated as a fetched one is. UsageError when it is not for a person to accept.
    """
    with desk.home.locked("market", ACCEPT):
        now, shape = desk.clock(), dataset_named(case.dataset)
        rows = _decidable(desk, case, "accepted", ACCEPTABLE)
        raws = _raws(rows)
        if not 1 <= (row or 1) <= len(raws) or (row is None and len(raws) > 1):
            raise UsageError(
                f"{case.text} has {len(raws)} raw rows.",
                f"Pick one with --row; see them: {_command(desk, 'show', case)}",
            )
        end = case.open_time + (shape.timeframe or Timeframe.M15).delta
        valid = VALIDATORS[case.dataset](
            [parsed(raws[(row or 1) - 1])],
            dataset=case.dataset,
            symbol=case.symbol,
            start=case.open_time,
            end=end,
            now=now,
        )
        if valid.frame.is_empty():
            raise _impossible(desk, case, "accepted", valid.quarantine)
        stored = desk.store.read(case.dataset, symbols=[case.symbol], start=case.open_time, end=end)
        made = merge(shape, stored, valid.frame, overwrite=True, now=now)
        if made.same:
            raise UsageError(f"{case.text} is stored with this very value.", "There is nothing to accept.")
        changes = {case.dataset: made.write, "revisions": made.revisions}
        return _publish(desk, case, rows, changes, (ACCEPTED, ACCEPT, now))


def reject(desk: Desk, case: Case) -> Snapshot:
    """Record that a waiting row is wrong: its value stays out for good, another one is judged anew.

    UsageError when there is nothing to reject: something is stored, or the row is refused in any case.
    """
    with desk.home.locked("market", REJECT):
        rows = _decidable(desk, case, "rejected", (JUMP,))
        if rows["healed"].any():
            raise UsageError(
                f"{case.text} is stored by now, and stored rows are not rejected.",
                "To correct one, import the right value: crypto-bt data import FILE --overwrite",
            )
        return _publish(desk, case, rows, {}, (REJECTED, REJECT, desk.clock()))


def _publish(
    desk: Desk,
    case: Case,
    rows: pl.DataFrame,
    changes: Mapping[str, pl.DataFrame],
    decided: tuple[str, str, datetime],
) -> Snapshot:
    decision, by, now = decided
    current = desk.store.current()
    source = current.source if current else ""
    # A decision is in force on what was seen before it; the exchange's clock may be ahead of this one.
    at = max(now, *rows["seen_at"])
    row = (case.dataset, case.symbol, case.open_time, decision, PERSON, at)
    made = pl.DataFrame([row], schema=DECISION_SCHEMA, orient="row")
    return desk.store.publish({**changes, "decisions": made}, source=source, published_by=by, now=now)


def _rows_of(desk: Desk, case: Case) -> pl.DataFrame:
    start, end = case.open_time, case.open_time + _MOMENT
    rows = desk.store.read("quarantine", symbols=[case.symbol], start=start, end=end)
    rows = rows.filter(dataset=case.dataset)
    if rows.is_empty():
        raise UsageError(
            f"Nothing is quarantined of {case.text}.",
            f"See what is: crypto-bt data quarantine list{desk.settings.home_option}",
        )
    return _standing(desk, rows)


def _decidable(desk: Desk, case: Case, verb: str, reasons: Sequence[str]) -> pl.DataFrame:
    """The rows of ``case`` that are for a person to decide; UsageError saying why where there is none."""
    rows = _rows_of(desk, case)
    open_rows = rows.filter(pl.col("reason").is_in(reasons))
    if open_rows.is_empty() or case.dataset not in VALIDATORS:
        raise _impossible(desk, case, verb, rows)
    return open_rows


def _impossible(desk: Desk, case: Case, verb: str, rows: pl.DataFrame) -> UsageError:
    reasons = ", ".join(rows["reason"].unique().sort())
    day = Timeframe.D1.floor(case.open_time)
    span = f"--start {day:%F} --end {day + timedelta(days=1):%F}"
    return UsageError(
        f"{case.text} cannot be {verb}: it was refused as {reasons}, and such a row is never stored.",
        f"Ask again: crypto-bt data backfill{desk.settings.home_option} --symbols {case.symbol} "
        f"--timeframes {case.dataset} {span}",
    )


def parsed(raw: str) -> object:
    """A raw row as its source sent it; the text itself where it is no JSON."""
    try:
        return json.loads(raw)
    except ValueError:
        return raw


def _raws(rows: pl.DataFrame) -> tuple[str, ...]:
    return tuple(line for raw in rows["raw"] for line in raw.split("\n"))


def _command(desk: Desk, name: str, case: Case) -> str:
    return f"crypto-bt data quarantine {name} {case.arguments}{desk.settings.home_option}"


def _standing(desk: Desk, rows: pl.DataFrame) -> pl.DataFrame:
    """``rows`` of the quarantine with their state, and whether the store holds their time by now."""
    place = ["dataset", "symbol", "open_time"]
    stored = [rows.select(place).clear()]
    symbols = rows["symbol"].unique().to_list()
    for name in rows["dataset"].unique().sort():
        shape = DATASETS[name]
        wanted = rows.filter(dataset=name)["open_time"]
        first, last = wanted.sort()[0], wanted.sort()[-1]
        keys = desk.store.read(
            name, symbols=symbols, start=first, end=last + _MOMENT, columns=[shape.entity, shape.time]
        )
        stored.append(
            keys.unique().select(pl.lit(name).alias("dataset"), symbol=shape.entity, open_time=shape.time)
        )
    decisions = desk.store.read("decisions", symbols=symbols)
    return standing(rows, decisions, pl.concat(stored).unique())
