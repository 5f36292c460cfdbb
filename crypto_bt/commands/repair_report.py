"""What a repair did: what was filled, and what is still missing, with the reason."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl
import typer

from crypto_bt.commands.fetching import remarks_of, rows_of
from crypto_bt.commands.output import UNWELL, Output, minute
from crypto_bt.commands.repair_plan import refused_candles
from crypto_bt.core.lacking import MissingRange

if TYPE_CHECKING:
    from crypto_bt.defs.execute import JobOutcome
    from crypto_bt.defs.resources import Desk


def report_repair(
    out: Output,
    desk: "Desk",
    ranges: Sequence[MissingRange],
    outcomes: "Sequence[JobOutcome]",
    before: pl.DataFrame,
    after: pl.DataFrame,
    not_traded: Sequence[str],
) -> None:
    """Say what was filled and what is still missing; exit code 3 when something is, or could not be fetched.

    ``before`` and ``after`` are what was lacking; ``not_traded`` a sentence for each symbol left out.
    """
    failed = remarks_of(outcomes)
    filled = before.join(after, on=before.columns, how="anti")
    counts = dict(filled.group_by("dataset").len().sort("dataset").iter_rows())
    left = _left(desk, after, failed)
    if before.height:
        by_dataset = [f"{name} {count:,}" for name, count in counts.items()]
        out.say(f"Filled {filled.height:,} of {before.height:,}: {', '.join(by_dataset) or 'nothing'}.")
    if left:
        out.say("Still missing:", style="yellow")
        out.table(
            ["symbol", "dataset", "rows", "from", "to", "why"],
            [
                [r["symbol"], r["dataset"], r["candles"], minute(r["from"]), minute(r["to"]), r["why"]]
                for r in left
            ],
        )
    remarks = [*failed, *not_traded]
    for remark in remarks:
        out.say(remark, style="yellow")
    current = desk.store.current()
    out.result(
        {
            "home": desk.home.root,
            "snapshot": current.id if current else None,
            "source": current.source if current else None,
            "runs": [outcome.run_id for outcome in outcomes],
            "ranges": ranges_as_json(ranges),
            "rows": rows_of(outcomes),
            "lacking": before.height,
            "filled": counts,
            "missing": left,
            "remarks": remarks,
        }
    )
    if left or failed:
        raise typer.Exit(UNWELL)


def _left(desk: "Desk", lack: pl.DataFrame, failed: Sequence[str]) -> list[dict[str, Any]]:
    refused = refused_candles(desk, lack).select("dataset", "symbol").unique().rows()
    grouped = lack.group_by("symbol", "dataset", maintain_order=True).agg(
        pl.len().alias("candles"), pl.col("open_time").min().alias("from"), to=pl.col("open_time").max()
    )
    rows = []
    for row in grouped.sort("symbol", "dataset").iter_rows(named=True):
        what = (row["dataset"], row["symbol"])
        why = "the exchange does not have it"
        if any(f"{row['symbol']} {row['dataset']}:" in remark for remark in failed):
            why = "it could not be fetched"
        elif what in refused:
            why = "what the exchange sent was refused: crypto-bt data quarantine list"
        rows.append({**row, "why": why})
    return rows


def ranges_as_json(ranges: Sequence[MissingRange]) -> list[dict[str, Any]]:
    """The ranges as a machine reads them; ``end`` is exclusive."""
    return [{"start": r.start, "end": r.end, "datasets": r.datasets, "symbols": r.symbols} for r in ranges]
