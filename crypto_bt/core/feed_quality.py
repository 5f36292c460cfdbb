"""What the checks of the other feeds decide: fresh, and agreeing where two sources give one figure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from crypto_bt.core.market import Listing
from crypto_bt.core.universe import UniverseReport
from crypto_bt.core.universe_history import likely_renames
from crypto_bt.core.verdict import BACKFILL, ROWS_AT_MOST, Severity, Verdict, repair_command, some, table_row
from crypto_bt.core.wholeness import hours

_HOURS: Final = timedelta(hours=1)
_DAYS: Final = timedelta(days=1)
#: Age of the newest row's time: a remark above the first, a failure above the second. Never blocking.
AGE_LIMITS: Final[Mapping[str, tuple[timedelta, timedelta]]] = {
    "funding_rates": (11 * _HOURS, 26 * _HOURS),
    "mark_price_1h": (27 * _HOURS, 50 * _HOURS),
    "universe": (26 * _HOURS, 50 * _HOURS),
    "market_regime": (12 * _HOURS, 26 * _HOURS),
    "open_interest": (28 * _HOURS, 50 * _HOURS),
    "long_short_ratio": (28 * _HOURS, 50 * _HOURS),
    "taker_volume": (28 * _HOURS, 50 * _HOURS),
    "fear_greed": (3 * _DAYS, 5 * _DAYS),
    "btc_dominance": (26 * _HOURS, 50 * _HOURS),
    "total_market_cap": (26 * _HOURS, 50 * _HOURS),
    "stablecoin_supply": (3 * _DAYS, 5 * _DAYS),
    # A long weekend lies between some observations, each is published a day or more later, and asked for on
    # the next morning: six days pass without anybody's fault.
    "VIXCLS": (7 * _DAYS, 10 * _DAYS),
    "SP500": (7 * _DAYS, 10 * _DAYS),
    "DFF": (8 * _DAYS, 12 * _DAYS),
    "DGS10": (8 * _DAYS, 12 * _DAYS),
    "T10Y2Y": (8 * _DAYS, 12 * _DAYS),
    # A week at a time, and monthly: counted from the first day of the observation's month.
    "DTWEXBGS": (14 * _DAYS, 21 * _DAYS),
    "CPIAUCSL": (84 * _DAYS, 100 * _DAYS),
}
#: Of a series that states none.
USUAL_LIMITS: Final = (4 * _DAYS, 7 * _DAYS)
#: What each dataset of series should hold.
EXPECTED_SERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "fear_greed": ("fear_greed",),
    "macro_series": (
        "VIXCLS",
        "SP500",
        "DFF",
        "DGS10",
        "T10Y2Y",
        "DTWEXBGS",
        "CPIAUCSL",
        "stablecoin_supply",
    ),
    "btc_dominance": ("btc_dominance", "total_market_cap"),
}
#: How far two sources may differ on one figure.
TAKER_TOLERANCE: Final = 0.01
MARK_TOLERANCE: Final = 0.005


def feed_age(dataset: str, newest: Mapping[str, datetime], now: datetime) -> Verdict:
    """Age of the newest row of ``dataset``; a single symbol that stopped is named in the table alone."""
    warning, limit = AGE_LIMITS[dataset]
    latest = max(newest.values(), default=None)
    if latest is None:
        return Verdict(False, f"No row of {dataset} is stored.", mend=f"{BACKFILL} --timeframes {dataset}")
    level = _level(now - latest, warning, limit)
    seen = f"The newest row of {dataset} is of {latest:%Y-%m-%d %H:%M} UTC, {hours(now - latest)} ago"
    return Verdict(
        level == 0,
        f"{seen}, limit {hours(limit if level == 2 else warning)}." if level else f"{seen}.",
        Severity.ERROR if level == 2 else Severity.WARN,
        repair_command(dataset, latest, now),
        _age_figures(latest, limit, now),
        _age_rows(dataset, {name: (moment, warning, limit) for name, moment in newest.items()}, now),
    )


def series_age(dataset: str, newest: Mapping[str, datetime], now: datetime) -> Verdict:
    """Age of the newest observation of each series of ``dataset``, each against its own limits.

    A series of which nothing is stored is named: its source may never have answered. The figures are those
    of the series that is nearest to its limit.
    """
    allowed = {name: AGE_LIMITS.get(name, USUAL_LIMITS) for name in newest}
    limits = {name: (moment, *allowed[name]) for name, moment in newest.items()}
    levels = {name: _level(now - moment, *allowed[name]) for name, moment in newest.items()}
    late = [
        f"{name} of {newest[name]:%Y-%m-%d}, {hours(now - newest[name])} ago, "
        f"limit {hours(allowed[name][level - 1])}"
        for name, level in levels.items()
        if level
    ]
    absent = [name for name in EXPECTED_SERIES[dataset] if name not in newest]
    late += [f"{name}, of which nothing is stored" for name in absent]
    worst = max(limits, key=lambda name: ((now - limits[name][0]) / limits[name][2], name), default=None)
    figures = {} if worst is None else _age_figures(limits[worst][0], limits[worst][2], now)
    return Verdict(
        not late,
        f"{dataset}: {some(late)}." if late else f"{dataset}: all {len(newest)} series are fresh.",
        Severity.ERROR if max(levels.values(), default=0) == 2 else Severity.WARN,
        repair_command(dataset, now - _DAYS, now),
        {**figures, "late_series": len(late)},
        [
            *(table_row(name, dataset, None, "nothing stored", "a value", "missing") for name in absent),
            *_age_rows(dataset, limits, now),
        ],
    )


def _level(age: timedelta, warning: timedelta, limit: timedelta) -> int:
    return (age > warning) + (age > limit)


def _age_figures(newest: datetime, limit: timedelta, now: datetime) -> dict[str, float]:
    return {
        "data_age_hours": round((now - newest) / _HOURS, 3),
        "limit_hours": limit / _HOURS,
    }


def _age_rows(
    dataset: str, rows: Mapping[str, tuple[datetime, timedelta, timedelta]], now: datetime
) -> list[dict[str, str]]:
    worst = sorted(rows.items(), key=lambda pair: (-((now - pair[1][0]) / pair[1][2]), pair[0]))
    return [
        table_row(
            name,
            dataset,
            moment,
            f"{hours(now - moment)} ago",
            f"{hours(warning)}, {hours(limit)}",
            ("fresh", "late", "old")[_level(now - moment, warning, limit)],
        )
        for name, (moment, warning, limit) in worst[:ROWS_AT_MOST]
    ]


def taker_agreement(taker: pl.DataFrame, hourly: pl.DataFrame) -> Verdict:
    """What takers bought in an hour, by the positioning feed and by the hour's candle."""
    told = hourly.select("symbol", "open_time", other="taker_buy_volume").drop_nulls("other")
    pairs = taker.select("symbol", "observed_at", value="buy_volume").join(
        told, left_on=["symbol", "observed_at"], right_on=["symbol", "open_time"]
    )
    return _agreement(
        ("taker_volume", "1h"), "taker buy volume", "its H1 candle", pairs, "observed_at", TAKER_TOLERANCE
    )


def mark_agreement(funding: pl.DataFrame, marks: pl.DataFrame) -> Verdict:
    """The mark price at a settlement, by the settlement and by the mark price candle that opens then."""
    priced = funding.select("symbol", "funding_time", value="mark_price").drop_nulls("value")
    pairs = priced.join(
        marks.select("symbol", "open_time", other="open"),
        left_on=["symbol", "funding_time"],
        right_on=["symbol", "open_time"],
    )
    return _agreement(
        ("funding_rates", "mark_price_1h"),
        "mark price",
        "its mark price candle",
        pairs,
        "funding_time",
        MARK_TOLERANCE,
    )


def _agreement(
    feeds: tuple[str, str], figure: str, other: str, pairs: pl.DataFrame, time: str, tolerance: float
) -> Verdict:
    scale = pl.max_horizontal(pl.col("value").abs(), pl.col("other").abs())
    apart = pairs.with_columns(
        off=pl.when(scale > 0).then((pl.col("value") - pl.col("other")).abs() / scale).otherwise(0.0)
    )
    bad = apart.filter(pl.col("off") > tolerance).sort("off", "symbol", time, descending=[True, False, False])
    named = [
        f"{s} {t:%Y-%m-%d %H:%M} by {off:.1%}" for s, t, off in bad.select("symbol", time, "off").iter_rows()
    ]
    what = f"{pairs.height} values of {figure} compared with {other}, {len(named)} apart by {tolerance:.1%}."
    mend = ""
    if named:
        first, last = bad.select(pl.min(time), last=pl.max(time)).row(0)
        mend = repair_command(",".join(feeds), first, last, bad["symbol"].unique().sort().to_list())
    return Verdict(
        not named,
        f"{what} {some(named)}." if named else what,
        Severity.WARN,
        mend,
        {"compared": pairs.height, "disagreeing": len(named)},
        [
            table_row(
                symbol, feeds[0], at, f"{value:g} against {told:g}", f"{tolerance:.1%}", f"{off:.2%} apart"
            )
            for symbol, at, value, told, off in bad.select("symbol", time, "value", "other", "off")
            .head(ROWS_AT_MOST)
            .iter_rows()
        ],
    )


def listing(
    report: UniverseReport, listings: Mapping[str, Listing], since: Mapping[str, datetime]
) -> Verdict:
    """The followed symbols are still traded; ``since`` says from which day on one is not."""
    gone = [f"{s} is not traded{_from(since.get(s))}, its history stays" for s in report.delisted]
    for symbol in report.missing:
        names = likely_renames(symbol, listings, since.get(symbol))
        hint = f"; renamed? {some(names)} may be its new name" if names else ""
        gone.append(f"{symbol} is not listed{_from(since.get(symbol))}{hint}")
    total = len(report.tradable) + len(report.delisted) + len(report.missing)
    symbols = [*report.delisted, *report.missing]
    return Verdict(
        not gone,
        f"{len(report.tradable)} of {total} followed symbols are traded."
        + (f" {some(gone)}." if gone else ""),
        Severity.WARN,
        f"crypto-bt universe remove {' '.join(symbols)}" if gone else "",
        {"tradable": len(report.tradable), "delisted": len(report.delisted), "missing": len(report.missing)},
        [
            table_row(
                symbol,
                "universe",
                since.get(symbol),
                "not traded" if symbol in report.delisted else "not listed",
                "traded",
                text,
            )
            for symbol, text in zip(symbols, gone, strict=True)
        ],
    )


def _from(day: datetime | None) -> str:
    return f" since {day:%Y-%m-%d}" if day else ""
