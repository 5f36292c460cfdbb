"""Series as they were known at a moment: the newest observation available then, in its revision of then."""

from datetime import datetime

import polars as pl

from crypto_bt.core.schemas import UTC_MS


def as_known(rows: pl.DataFrame, series: str, at: pl.Series) -> pl.Series:
    """For each moment of ``at`` (UTC) the value of ``series`` that was the newest known then; else null.

    ``rows`` are of the schema of series, in any order. Of the rows available at a moment that with the
    greatest ``observed_at`` counts, in its latest revision: a late revision of an older observation never
    replaces a newer one. The answer is Float64, in the order of ``at``.
    """
    steps = known_steps(rows.filter(pl.col("series") == series))
    asked = pl.DataFrame({"at": at.cast(UTC_MS)}).with_row_index("place").sort("at")
    joined = asked.join_asof(steps, left_on="at", right_on="available_at", strategy="backward")
    return joined.sort("place")["value"].alias(series)


def known_steps(rows: pl.DataFrame) -> pl.DataFrame:
    """How the newest known value of one series changed: columns available_at (unique, ascending), value."""
    ordered = rows.sort("available_at", "observed_at", maintain_order=True)
    newest = pl.col("observed_at").cum_max()
    return (
        ordered.filter(pl.col("observed_at") == newest)
        .unique("available_at", keep="last", maintain_order=True)
        .select("available_at", "value")
    )


def newest_known(rows: pl.DataFrame, series: str, at: datetime) -> float | None:
    """The value of ``series`` that was the newest known at ``at``; None where there was none."""
    found = as_known(rows, series, pl.Series([at], dtype=UTC_MS))
    value = found.item()
    return None if value is None else float(value)
