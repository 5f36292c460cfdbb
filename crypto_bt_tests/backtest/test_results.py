"""What the desk's other programs read, and the identity of the code."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from crypto_bt.backtest.code_version import code_version
from crypto_bt.backtest.nightly.market import SignalBars
from crypto_bt.backtest.nightly.signals import StrategySignals
from crypto_bt.backtest.results import SCHEMA_VERSION, backtest_results, signals_validated
from crypto_bt.backtest.rules import Costs, Rules
from crypto_bt.backtest.signals import targets
from crypto_bt.backtest.simulation import simulate
from crypto_bt.backtest.spec import NightSpec
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt.strategies import build_strategy
from crypto_bt_tests.backtest.markets import H4, START, Ohlc, candles

FLAT: Ohlc = (100.0, 100.0, 100.0, 100.0)
VERDICT = {
    "decision": "watch",
    "reason": "watch: Sharpe ratio 0.5 (at least 0.8).",
    "outcomes": [{"name": "sharpe", "value": 0.5, "limit": 0.8, "passed": False}],
    "expected_losses": 2.5,
    "chance_of_losses": 0.5,
}
STAMP = {
    "night": "2025-01-07",
    "cutoff": "2025-01-07T23:30:00Z",
    "snapshot": {"id": "000003", "digest": "d" * 64},
    "benchmark": "buy_and_hold",
    "left_out": {"CCCUSDT": "a gap"},
    "strategies": [
        {"name": "buy_and_hold", "error": None, "parameters": {"leverage": 1.0}},
        {"name": "ema_cross", "error": "it broke", "parameters": {}},
        {
            "name": "rsi_reversion",
            "error": None,
            "parameters": {"length": 14},
            "in_charge": {"length": 7, "exits": "stop_loss 0.1"},
            "out_of_sample": True,
            "verdict": VERDICT,
            "overfitting": {"pbo": 0.25, "spa_p": None},
        },
    ],
}
SPEC = NightSpec(
    store="/store",
    snapshot="000003",
    night=date(2025, 1, 7),
    cutoff=datetime(2025, 1, 7, 23, 30, tzinfo=UTC),
    symbols=("AAAUSDT",),
    strategies={"ema_cross": {"fast": 5}},
)


def tables() -> tuple[pl.DataFrame, pl.DataFrame]:
    """The metrics and the current signals of a night."""
    bars = candles({"AAAUSDT": [FLAT] * 4, "BBBUSDT": [FLAT, FLAT, (100, 120, 100, 120)]})
    wanted = targets(build_strategy("buy_and_hold"), bars)
    metrics = simulate(bars, wanted, timeframe=Timeframe.H4, rules=Rules(Costs(0, 0, 0))).metrics
    rows = bars.select("symbol", "open_time", close_time=pl.col("open_time") + H4)
    signal_bars = SignalBars(Timeframe.H4, rows, np.full(len(rows), np.nan))
    hundredths = np.array([[-100, 0, 35, 50, 0, 35, 100]], np.int8)
    label = pl.lit("buy_and_hold").alias("strategy")
    newest = StrategySignals(signal_bars, hundredths).newest(0)
    return metrics.select(label, pl.all()), newest.select(label, pl.all())


def test_backtest_results_hold_portfolio_and_symbols_as_plain_json() -> None:
    payload = backtest_results(tables()[0], STAMP)
    assert payload == json.loads(json.dumps(payload, allow_nan=False))
    assert payload["schema_version"] == SCHEMA_VERSION
    assert payload["valid_until"] == "2025-01-08T23:30:00Z"
    ran, broken = payload["strategies"]["buy_and_hold"], payload["strategies"]["ema_cross"]
    assert ran["portfolio"]["net_return"] == pytest.approx(0.1)
    assert ran["symbols"]["BBBUSDT"]["first"] == "2025-01-06T00:00:00Z"
    assert (broken["error"], broken["portfolio"], broken["symbols"]) == ("it broke", None, {})
    assert payload["left_out"] == {"CCCUSDT": "a gap"}


def test_backtest_results_say_verdict_reason_luck_and_the_set_in_charge() -> None:
    strategies = backtest_results(tables()[0], STAMP)["strategies"]
    judged = strategies["rsi_reversion"]
    assert (judged["verdict"], judged["reason"]) == ("watch", VERDICT["reason"])
    assert judged["gates"] == VERDICT["outcomes"]
    assert judged["overfitting"] == {"pbo": 0.25, "spa_p": None}
    assert judged["in_charge"] == {"length": 7, "exits": "stop_loss 0.1"}
    assert judged["out_of_sample"] is True


def test_backtest_results_have_null_where_there_is_no_verdict() -> None:
    strategies = backtest_results(tables()[0], STAMP)["strategies"]
    names = ("verdict", "reason", "gates", "overfitting", "in_charge", "out_of_sample")
    for name in ("buy_and_hold", "ema_cross"):
        assert {key: strategies[name][key] for key in names} == dict.fromkeys(names)


def test_current_signals_are_the_newest_of_each_symbol_and_expire_with_the_next_bar() -> None:
    rows = tables()[1].rows(named=True)
    assert [(row["symbol"], row["target"], row["open_time"]) for row in rows] == [
        ("AAAUSDT", 0.5, START + 3 * H4),
        ("BBBUSDT", 1.0, START + 2 * H4),
    ]
    assert rows[0]["close_time"] == START + 4 * H4
    assert rows[0]["valid_until"] == START + 5 * H4


def test_signals_validated_carry_night_and_snapshot() -> None:
    frame = signals_validated(tables()[1], STAMP)
    assert frame["snapshot"].to_list() == ["000003"] * 2
    assert frame["night"].to_list() == [date(2025, 1, 7)] * 2
    assert frame["schema_version"].to_list() == [SCHEMA_VERSION] * 2
    assert frame.schema["target"] == pl.Float64


def test_spec_survives_the_way_through_json() -> None:
    assert NightSpec.from_json(SPEC.to_json()) == SPEC


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"night": None}, "cannot be read"),
        ({"cutoff": "2025-01-07T23:30:00"}, "cutoff '2025-01-07T23:30:00' without a timezone"),
        ({"colour": "red"}, "unknown fields: colour"),
        ({"costs": {"taker_bps": -1.0}}, r"taker_bps is -1\.0"),
    ],
)
def test_spec_wrong_field_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        NightSpec.from_json(json.dumps(json.loads(SPEC.to_json()) | change))


def test_spec_missing_field_is_named() -> None:
    values = json.loads(SPEC.to_json())
    del values["symbols"]
    with pytest.raises(BacktestError, match="no field 'symbols'"):
        NightSpec.from_json(json.dumps(values))


def test_code_version_changes_with_any_source_file(tmp_path: Path) -> None:
    for room in ("core", "strategies", "backtest", "report"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "one.py").write_text("A = 1\n")
    (tmp_path / "night.py").write_text("B = 1\n")
    first = code_version(tmp_path)
    assert code_version(tmp_path) == first
    (tmp_path / "report" / "one.py").write_text("A = 2\n")
    assert code_version(tmp_path) == first
    (tmp_path / "strategies" / "one.py").write_text("A = 2\n")
    second = code_version(tmp_path)
    (tmp_path / "night.py").write_text("B = 2\n")
    assert len({first, second, code_version(tmp_path)}) == 3
