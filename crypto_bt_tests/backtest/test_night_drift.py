"""Whether a night says of the past what the night before said of it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from crypto_bt.backtest.drift import Change
from crypto_bt.backtest.night_drift import NightTables, drift
from crypto_bt.backtest.nightly.outcome import WINDOWS_SCHEMA
from crypto_bt.backtest.tables import TRADES_SCHEMA
from crypto_bt.core.schemas import UTC_MS
from crypto_bt.core.verdict import Severity
from crypto_bt_tests.backtest.test_night_verdicts import stamp

NIGHT = datetime(2026, 3, 10, tzinfo=UTC)
SYMBOLS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")
#: One symbol of three, and so more than a tenth of all rows, would be a warning by itself.
MANY = tuple(f"{letter * 3}USDT" for letter in "ABCDEFGHIJKLMN")


def tables(**changes: Any) -> NightTables:
    times = [NIGHT - timedelta(days=5) + timedelta(hours=4 * bar) for bar in range(30)]
    targets = pl.DataFrame(
        {
            "strategy": "ema_cross",
            "symbol": "AAAUSDT",
            "open_time": pl.Series(times, dtype=UTC_MS),
            "target": [1.0 if bar % 7 else -1.0 for bar in range(30)],
        }
    )
    schema = {"strategy": pl.String, **TRADES_SCHEMA}
    trade = {
        "strategy": "ema_cross", "symbol": "AAAUSDT", "side": 1, "entry_time": times[3],
        "exit_time": times[6],
        "entry_price": 10.0, "exit_price": 11.0, "quantity": 2.0, "gross_pnl": 2.0, "commission": 0.1,
        "slippage": 0.0, "funding": 0.0, "net_pnl": 1.9, "net_return": 0.1, "exit_reason": "signal",
    }  # fmt: skip
    days = [NIGHT - timedelta(days=150 - day) for day in range(150)]
    curve = [1.0 + 0.001 * ((day * 7) % 11 - 5) for day in range(150)]
    equity = pl.DataFrame(
        {"strategy": "ema_cross", "time": pl.Series(days, dtype=UTC_MS), "equity": curve, "drawdown": 0.0}
    )
    return replace(NightTables(stamp(), pl.DataFrame([trade], schema=schema), targets, equity), **changes)


def later(night: NightTables, **changes: Any) -> NightTables:
    return replace(night, stamp=stamp(cutoff="2026-03-11T23:30:00+00:00"), **changes)


def test_drift_two_nights_alike_say_how_much_was_compared() -> None:
    verdict = drift(later(tables()), tables(), ())
    assert verdict.passed
    assert verdict.what == "31 targets and trades of the night before came out the same."


def test_drift_names_the_first_target_that_changed_without_a_cause() -> None:
    changed = tables().targets.with_columns(
        target=pl.when(pl.int_range(pl.len()) == 9).then(0.5).otherwise("target")
    )
    verdict = drift(later(tables(), targets=changed), tables(), ())
    assert (verdict.passed, verdict.severity) == (False, Severity.ERROR)
    assert "ema_cross" in verdict.what
    assert "AAAUSDT" in verdict.what
    assert "2026-03-06 12:00" in verdict.what


def test_drift_that_changed_data_explains_is_counted_and_passes() -> None:
    changed = tables().trades.with_columns(exit_price=pl.lit(11.5))
    cause = Change(date(2026, 3, 5), "AAAUSDT", "candles_1h")
    verdict = drift(later(tables(), trades=changed), tables(), [cause])
    assert verdict.passed
    assert verdict.what.endswith("came out the same, 1 changed with their data.")
    assert not drift(later(tables(), trades=changed), tables(), ()).passed


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"code_version": "two"}, "the code, costs or capital are others"),
        ({"costs": {"taker_bps": 4.0}}, "the code, costs or capital are others"),
        ({"symbols": ["BBBUSDT"]}, "On 0 common symbols (in one night alone: AAAUSDT, BBBUSDT; not"),
    ],
)
def test_drift_of_nights_that_cannot_be_compared_says_why(changes: dict[str, Any], why: str) -> None:
    verdict = drift(replace(tables(), stamp=stamp(**changes)), tables(), ())
    assert verdict.passed
    assert why in verdict.what


def test_drift_without_an_earlier_night_passes() -> None:
    assert drift(tables(), None, ()).what == "There is no earlier night to compare with."


def test_drift_a_collapse_of_the_last_month_is_a_warning() -> None:
    equity = tables().equity.with_columns(
        equity=pl.when(pl.int_range(pl.len()) >= 119)
        .then(pl.col("equity") * (0.97 ** (pl.int_range(pl.len()) - 118)))
        .otherwise("equity")
    )
    verdict = drift(later(tables(), equity=equity), tables(), ())
    assert (verdict.passed, verdict.severity) == (False, Severity.WARN)
    assert verdict.what.startswith("Performance drifted: ema_cross")


def windows(chosen: int = 4) -> pl.DataFrame:
    rows = [
        ("ema_cross", *[NIGHT + timedelta(days=15 * number - 60)] * 5, chosen if number else 7, 1.0, 0.5)
        for number in range(3)
    ]
    return pl.DataFrame(rows, schema={"strategy": pl.String(), **WINDOWS_SCHEMA}, orient="row")


def wide(symbols: tuple[str, ...] = MANY, **entry: Any) -> NightTables:
    """A night of several symbols whose strategies look at one at a time; ``entry`` changes its stamp."""
    one = tables()
    frames = {
        name: pl.concat([frame.with_columns(symbol=pl.lit(symbol)) for symbol in symbols])
        for name, frame in (("targets", one.targets), ("trades", one.trades))
    }
    own = stamp(symbols=list(symbols))
    for each in own["strategies"]:
        each |= {"across_symbols": False, "needs": []} | entry
    return replace(one, stamp=own, windows=windows(), **frames)


def other(night: NightTables, table: str, symbol: str, **values: Any) -> NightTables:
    """``night`` with other values in all rows of one symbol."""
    frame = getattr(night, table)
    here = pl.col("symbol") == symbol
    changed = frame.with_columns(
        **{name: pl.when(here).then(pl.lit(value)).otherwise(name) for name, value in values.items()}
    )
    return replace(night, **{table: changed})


FUNDING = Change(date(2026, 3, 5), "BBBUSDT", "funding_rates")


def test_drift_data_of_one_symbol_explain_that_symbol_alone() -> None:
    own = other(wide(), "trades", "BBBUSDT", funding=0.5)
    verdict = drift(own, wide(), [FUNDING])
    assert verdict.passed, verdict.what
    assert verdict.figures["explained"] == 1
    foreign = other(own, "trades", "CCCUSDT", net_pnl=3.8)
    verdict = drift(foreign, wide(), [FUNDING])
    assert (verdict.passed, verdict.severity) == (False, Severity.ERROR)
    assert "net_pnl of CCCUSDT" in verdict.what


def test_drift_data_of_one_symbol_explain_all_of_a_strategy_that_ranks_them() -> None:
    changed = other(wide(across_symbols=True), "targets", "CCCUSDT", target=0.5)
    verdict = drift(changed, wide(across_symbols=True), [FUNDING])
    assert verdict.passed, verdict.what
    assert not drift(changed, wide(across_symbols=True), []).passed


def test_drift_data_that_changed_the_choice_of_parameters_explain_all_symbols() -> None:
    changed = replace(other(wide(), "targets", "CCCUSDT", target=0.5), windows=windows(5))
    verdict = drift(changed, wide(), [FUNDING])
    assert verdict.passed, verdict.what
    assert not drift(replace(changed, windows=windows()), wide(), [FUNDING]).passed


def test_drift_data_that_a_strategy_does_not_need_explain_nothing() -> None:
    interest = Change(date(2026, 3, 5), "CCCUSDT", "open_interest")
    for needs, passed in ((["open_interest"], True), (["funding_rate"], False)):
        changed = other(wide(needs=needs), "targets", "CCCUSDT", target=0.5)
        assert drift(changed, wide(needs=needs), [interest]).passed is passed


def test_drift_that_data_explain_too_much_of_is_a_warning() -> None:
    changed = other(wide(SYMBOLS), "targets", "BBBUSDT", target=0.5)
    verdict = drift(changed, wide(SYMBOLS), [FUNDING])
    assert (verdict.passed, verdict.severity) == (False, Severity.WARN)
    assert "more than 10%" in verdict.what


def test_drift_without_one_symbol_is_seen_on_the_others() -> None:
    fewer = wide(MANY[1:])
    verdict = drift(fewer, wide(), [])
    assert verdict.passed
    assert verdict.figures["compared"] == 31 * (len(MANY) - 1)
    assert "On 13 common symbols (in one night alone: AAAUSDT)." in verdict.what
    assert not drift(other(fewer, "targets", "CCCUSDT", target=0.5), wide(), []).passed
    moved = replace(fewer, trades=fewer.trades.with_columns(exit_price=pl.lit(11.5)))
    verdict = drift(moved, wide(), [])
    assert (verdict.passed, verdict.severity) == (False, Severity.ERROR)
    assert "exit_price of BBBUSDT" in verdict.what


def test_drift_without_one_symbol_forgives_what_the_capital_moves() -> None:
    scaled = wide(MANY[1:])
    scaled = replace(scaled, trades=scaled.trades.with_columns(quantity=2.1, net_pnl=2.0))
    assert drift(scaled, wide(), []).passed
    refused = replace(scaled, trades=scaled.trades.filter(pl.col("symbol") != "CCCUSDT"))
    assert drift(refused, wide(), []).passed


def test_drift_without_one_symbol_leaves_out_what_that_changes() -> None:
    ranking = drift(wide(MANY[1:], across_symbols=True), wide(across_symbols=True), [])
    assert ranking.passed
    assert ranking.what.startswith(
        "Not compared with the night before. On 13 common symbols (in one night alone: AAAUSDT;"
    )
    assert "not comparable then: buy_and_hold, ema_cross)." in ranking.what
