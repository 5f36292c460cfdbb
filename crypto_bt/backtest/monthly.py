"""Returns by calendar month."""

from typing import Final

import polars as pl

MONTHLY_SCHEMA: Final[dict[str, pl.DataType]] = {
    "year": pl.Int32(),
    "month": pl.Int8(),
    "return": pl.Float64(),
}


def monthly_returns(equity: pl.DataFrame) -> pl.DataFrame:
    """One row a UTC month in :data:`MONTHLY_SCHEMA`, ascending.

    ``equity`` has time (UTC midnights, ascending) and equity, the first row being the start. A mark at a
    midnight is that of the day it ends, so the mark at the first of March is February's last. A month's
    return is its last mark over the last one before it, minus 1 (0 after everything was lost); months that
    begin or end with the backtest are partial. The product of 1 + return is the whole growth.
    """
    day = pl.col("time") - pl.duration(milliseconds=1)
    months = (
        equity.slice(1)
        .group_by(year=day.dt.year(), month=day.dt.month(), maintain_order=True)
        .agg(mark=pl.col("equity").last())
    )
    start = equity["equity"].head(1)
    before = pl.concat([start, months["mark"]]).head(months.height)
    growth = pl.when(pl.col("before") > 0.0).then(pl.col("mark") / pl.col("before")).otherwise(1.0)
    table = months.with_columns(before=before).select("year", "month", (growth - 1.0).alias("return"))
    return table.cast(MONTHLY_SCHEMA)  # type: ignore[arg-type]
