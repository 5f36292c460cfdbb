"""What the checks of single candles decide: possible, refused, revised, consistent between timeframes."""

from typing import Final

import polars as pl

from crypto_bt.core.candles import PLAUSIBLE_PRICE, resample
from crypto_bt.core.market import Timeframe
from crypto_bt.core.verdict import ROWS_AT_MOST, Severity, Verdict, repair_command, some, table_row

#: Prices must agree to rounding; volumes are sums of many decimals.
_SAME_PRICE: Final = 1e-9
_SAME_VOLUME: Final = 1e-6


def ohlc_sanity(timeframe: Timeframe, frame: pl.DataFrame) -> Verdict:
    """Stored candles obey low <= open, close <= high, prices above 0, volume >= 0, none missing."""
    bad = impossible(frame)
    rows = [f"{s} {t:%Y-%m-%d %H:%M}" for s, t in bad.select("symbol", "open_time").iter_rows()]
    what = f"{frame.height} stored {timeframe} candles, {len(rows)} impossible."
    mend = ""
    if rows:
        first, last = bad.select(pl.min("open_time"), last=pl.max("open_time")).row(0)
        mend = repair_command(timeframe, first, last, bad["symbol"].unique().sort().to_list())
    return Verdict(
        not rows,
        f"{what} {some(rows)}." if rows else what,
        mend=mend,
        figures={"rows": frame.height, "impossible": len(rows)},
        table=[
            table_row(
                s, timeframe, t, f"{o} {h} {low} {c}, volume {v}", "low <= open, close <= high", "impossible"
            )
            for s, t, o, h, low, c, v in bad.select(
                "symbol", "open_time", "open", "high", "low", "close", "volume"
            )
            .head(ROWS_AT_MOST)
            .iter_rows()
        ],
    )


def impossible(frame: pl.DataFrame) -> pl.DataFrame:
    """The candles of ``frame`` that cannot be right."""
    o, h, low, c, v = (pl.col(name) for name in ("open", "high", "low", "close", "volume"))
    least, most = PLAUSIBLE_PRICE
    bounded = (low >= least) & (h <= most) & (v >= 0)
    sane = bounded & (low <= pl.min_horizontal(o, c)) & (h >= pl.max_horizontal(o, c))
    finite = pl.all_horizontal(pl.col("open", "high", "low", "close", "volume").is_finite())
    return frame.filter(~(sane & finite).fill_null(False))


def quarantine(timeframe: Timeframe, quarantined: pl.DataFrame, stored: pl.DataFrame) -> Verdict:
    """Refused rows whose candle is still missing; rows healed by a later answer do not count."""
    open_rows = quarantined.join(stored, on=["symbol", "open_time"], how="anti")
    reasons = open_rows.group_by("reason").len().sort("reason").iter_rows()
    found = [f"{reason}: {count}" for reason, count in reasons]
    what = f"{open_rows.height} refused {timeframe} rows without a good candle since."
    by_symbol = (
        open_rows.group_by("symbol", "reason")
        .agg(pl.len(), first=pl.min("open_time"), last=pl.max("open_time"))
        .sort("len", "symbol", "reason", descending=[True, False, False])
    )
    mend = ""
    if not open_rows.is_empty():
        first, last = open_rows.select(pl.min("open_time"), last=pl.max("open_time")).row(0)
        mend = repair_command(timeframe, first, last, by_symbol["symbol"].to_list())
    return Verdict(
        open_rows.is_empty(),
        f"{what} {some(found)}. Look at them: crypto-bt data quarantine list." if found else what,
        Severity.WARN,
        mend,
        {"quarantined": open_rows.height, "quarantined_ever": quarantined.height},
        [
            table_row(symbol, timeframe, first, f"{count} rows, the last {last:%Y-%m-%d %H:%M}", "0", reason)
            for symbol, reason, count, first, last in by_symbol.head(ROWS_AT_MOST).iter_rows()
        ],
    )


def revisions(timeframe: Timeframe, revised: pl.DataFrame) -> Verdict:
    """Stored values that the exchange later gave differently; the newer value is what is stored."""
    candles = revised.select("symbol", "open_time").unique(maintain_order=True)
    named = [f"{s} {t:%Y-%m-%d %H:%M}" for s, t in candles.iter_rows()]
    what = f"{candles.height} {timeframe} candles were revised by the exchange."
    return Verdict(
        candles.is_empty(),
        f"{what} {some(named)}." if named else what,
        Severity.WARN,
        "none needed: the revised values are stored; read them with crypto-bt sql 'from revisions'",
        {"revised_candles": candles.height, "revised_values": revised.height},
        [
            table_row(symbol, timeframe, time, f"{name} {before} -> {after}", "unchanged", "revised")
            for symbol, time, name, before, after in revised.select(
                "symbol", "open_time", "field", "before", "after"
            )
            .head(ROWS_AT_MOST)
            .iter_rows()
        ],
    )


def timeframe_consistency(
    finer: pl.DataFrame,
    coarser: pl.DataFrame,
    timeframe: Timeframe = Timeframe.H4,
    source: Timeframe = Timeframe.H1,
) -> Verdict:
    """Candles of the finer ``source`` add up to those of ``timeframe``: prices equal, volumes to rounding."""
    pairs = resample(finer, timeframe, source).join(coarser, on=["symbol", "open_time"], suffix="_told")
    figures = ("open", "high", "low", "close", "volume")
    off = {
        name: (pl.col(name) - pl.col(f"{name}_told")).abs()
        > (_SAME_VOLUME if name == "volume" else _SAME_PRICE) * pl.col(f"{name}_told").abs()
        for name in figures
    }
    bad = pairs.filter(pl.any_horizontal(off.values())).with_columns(
        **{f"{name}_off": differs for name, differs in off.items()}
    )
    named = [f"{s} {t:%Y-%m-%d %H:%M}" for s, t in bad.select("symbol", "open_time").iter_rows()]
    what = f"{pairs.height} {timeframe} candles compared with their {source} candles, {len(named)} differ."
    mend, table = "", []
    if named:
        first, last = bad.select(pl.min("open_time"), last=pl.max("open_time")).row(0)
        command = repair_command(
            f"{source},{timeframe}", first, last, bad["symbol"].unique().sort().to_list()
        )
        mend = f"{command} (the exchange's own series may disagree)"
        for row in bad.head(ROWS_AT_MOST).iter_rows(named=True):
            differs = "; ".join(
                f"{name} {row[name]:g} against {row[f'{name}_told']:g}"
                for name in figures
                if row[f"{name}_off"]
            )
            table.append(
                table_row(row["symbol"], timeframe, row["open_time"], differs, "equal", "inconsistent")
            )
    return Verdict(
        not named,
        f"{what} {some(named)}." if named else what,
        Severity.WARN,
        mend,
        {"compared": pairs.height, "inconsistent": len(named)},
        table,
    )
