"""Each strategy does what its docstring says, on markets where that is plain to see."""

import math
import random
from datetime import timedelta

import polars as pl
import pytest

from crypto_bt.backtest.needs import join_needs
from crypto_bt.backtest.signals import strategy_frame
from crypto_bt.strategies import Strategy, build_strategy
from crypto_bt.strategies.expressions import average_true_range, held, true_range
from crypto_bt_tests.backtest.markets import H4, START, Ohlc, candles, funding


def flat_bars(closes: list[float], width: float = 0.0) -> list[Ohlc | None]:
    """Bars that open where the one before closed, with a range of ``width`` around."""
    opens = [closes[0], *closes[:-1]]
    return [
        (before, max(before, close) * (1 + width), min(before, close) * (1 - width), close)
        for before, close in zip(opens, closes, strict=True)
    ]


def decided(
    strategy: Strategy, closes: dict[str, list[float]], extras: dict[str, pl.DataFrame] | None = None
) -> dict[str, list[float | None]]:
    """The strategy's own targets by symbol, before the engine masks the warm-up."""
    bars = candles({symbol: flat_bars(values) for symbol, values in closes.items()})
    frame = strategy_frame(bars, strategy, extras)
    given = frame.select("symbol", target=strategy.target().cast(pl.Float64))
    return {symbol: given.filter(symbol=symbol)["target"].to_list() for symbol in closes}


def walk(seed: int, count: int, wild: float, drift: float = 0.0, start: float = 100.0) -> list[float]:
    rng = random.Random(seed)
    logs = [math.log(start)]
    for _ in range(count - 1):
        logs.append(logs[-1] + drift + rng.gauss(0.0, wild))
    return [math.exp(value) for value in logs]


def test_time_series_momentum_weighs_by_volatility_and_follows_the_sign() -> None:
    strategy = build_strategy("time_series_momentum", {"lookback": 20, "volatility_window": 40})
    calm, wild = walk(1, 60, 0.01, 0.004), walk(1, 60, 0.02, 0.008)
    given = decided(strategy, {"CALM": calm, "FALL": [1 / price for price in calm], "WILD": wild})
    assert given["CALM"][-1] == pytest.approx(0.4 / (0.0098 * math.sqrt(2190)), rel=0.25)
    assert given["WILD"][-1] == pytest.approx(given["CALM"][-1] / 2, rel=0.05)
    assert given["FALL"][-1] == pytest.approx(-given["CALM"][-1], rel=0.05)


def test_time_series_momentum_never_exceeds_one() -> None:
    strategy = build_strategy("time_series_momentum", {"lookback": 2, "volatility_window": 2})
    assert decided(strategy, {"SURE": [100.0 * 1.001**bar for bar in range(9)]})["SURE"][-1] == 1.0


def test_relative_momentum_buys_the_strongest_and_sells_the_weakest_until_they_cross_the_middle() -> None:
    strategy = build_strategy("relative_momentum", {"lookback": 10, "skip": 0})
    drifts = {"AUSDT": 0.02, "BUSDT": 0.01, "CUSDT": 0.0, "DUSDT": -0.01, "EUSDT": -0.02}
    closes = {
        symbol: [100.0 * (1 + drift) ** bar for bar in range(30)]
        + [100.0 * (1 + drift) ** 29 * (1 - drift) ** bar for bar in range(1, 41)]
        for symbol, drift in drifts.items()
    }
    given = decided(strategy, closes)
    assert [given[symbol][25] for symbol in drifts] == [1, 0, 0, 0, -1]
    assert [given[symbol][69] for symbol in drifts] == [-1, 0, 0, 0, 1]
    assert given["AUSDT"][:10] == [0] * 10
    assert given["CUSDT"][29] == given["CUSDT"][69] == 0


def test_relative_momentum_does_not_rank_fewer_than_three() -> None:
    strategy = build_strategy("relative_momentum", {"lookback": 3, "skip": 0})
    given = decided(strategy, {"UP": [1.0, 2.0, 3.0, 4.0, 5.0], "DOWN": [5.0, 4.0, 3.0, 2.0, 1.0]})
    assert set(given["UP"]) | set(given["DOWN"]) == {0}


def rates(values: list[float], hours: int) -> dict[str, pl.DataFrame]:
    rows = [
        ("AAAUSDT", START + timedelta(hours=hours * (at + 1)), value, None) for at, value in enumerate(values)
    ]
    return {"funding_rates": funding(rows)}


def test_funding_carry_takes_the_paid_side_until_funding_is_neutral_again() -> None:
    strategy = build_strategy("funding_carry", {"window": 2})
    settled = [0.0001] * 3 + [0.0006] * 3 + [0.0002] * 2 + [0.00005] * 2 + [-0.0005] * 3 + [0.0002] * 3
    given = decided(strategy, {"AAAUSDT": [100.0] * 33}, rates(settled, 8))["AAAUSDT"]
    assert given[5] == 0
    assert given[11] == -1, "dear"
    assert given[15] == -1, "still above neutral"
    assert given[19] == 0, "neutral again"
    assert given[25] == 1, "shorts pay"
    assert given[31] == 0


def test_funding_need_for_eight_hours_does_not_depend_on_the_interval() -> None:
    bars = candles({"AAAUSDT": flat_bars([1.0] * 24)}).with_columns(close_time=pl.col("open_time") + H4)
    for hours in (8, 4, 1):
        frame = join_needs(bars, ["funding_rate_8h"], rates([0.0008 * hours / 8] * (88 // hours), hours))
        assert frame["funding_rate_8h"][4:].to_list() == pytest.approx([0.0008] * 20, abs=1e-15)
    late = funding(
        [("AAAUSDT", START + timedelta(hours=8 * n, milliseconds=7 * n), 0.001, None) for n in (1, 2, 9)]
    )
    frame = join_needs(bars, ["funding_rate_8h"], {"funding_rates": late})
    assert frame["funding_rate_8h"].drop_nulls().unique().to_list() == [0.001]


def test_squeeze_breakout_needs_a_squeeze_before_the_break() -> None:
    strategy = build_strategy("squeeze_breakout", {"window": 10, "fresh": 3})
    quiet = [100.0 + 0.5 * (-1) ** bar for bar in range(30)]
    broken = [*quiet, 103.0, 104.0, 105.0, 100.0, 95.0]
    rng = random.Random(2)
    trending = [100.0 * 1.03**bar * (1 + rng.gauss(0, 0.002)) for bar in range(35)]
    given = decided(strategy, {"QUIET": broken, "TREND": trending})
    assert given["QUIET"][29] == 0
    assert given["QUIET"][30:33] == [1, 1, 1]
    assert given["QUIET"][34] != 1, "below the middle it is over"
    assert set(given["TREND"]) == {0}, "wide bands are no squeeze"


def test_short_term_reversal_fades_a_lone_move_and_no_common_one() -> None:
    strategy = build_strategy("short_term_reversal", {"lookback": 1, "volatility_window": 20, "entry": 2.0})
    names = ["AUSDT", "BUSDT", "CUSDT", "DUSDT", "EUSDT", "FUSDT"]
    closes = {name: walk(seed, 60, 0.004) for seed, name in enumerate(names)}
    jump = [1.0] * 50 + [1.05] * 10
    alone = {**closes, "AUSDT": [price * up for price, up in zip(closes["AUSDT"], jump, strict=True)]}
    assert decided(strategy, alone)["AUSDT"][50] == -1
    together = {name: [p * up for p, up in zip(prices, jump, strict=True)] for name, prices in closes.items()}
    assert {given[50] for given in decided(strategy, together).values()} == {0}


def test_bitcoin_spread_sells_what_left_the_line_upwards_and_hedges_with_the_leader() -> None:
    strategy = build_strategy("bitcoin_spread", {"window": 60})
    rng = random.Random(4)
    leader = walk(9, 90, 0.01)
    twice = [price**2 / 100.0 * math.exp(rng.gauss(0, 0.002)) for price in leader]
    rich = [price * (1.05 if bar >= 85 else 1.0) for bar, price in enumerate(twice)]
    given = decided(strategy, {"BTCUSDT": leader, "DEARUSDT": rich})
    assert given["DEARUSDT"][86] == -1
    assert given["BTCUSDT"][86] == 1.0, "the slope is near 2, and the account carries 1"
    cheap = [1.0 / price for price in rich]
    assert decided(strategy, {"BTCUSDT": leader, "CHEAPUSDT": cheap})["CHEAPUSDT"][86] == 1
    assert set(decided(strategy, {"AUSDT": leader, "BUSDT": rich})["BUSDT"]) == {0}, "no leader, no trade"


def test_held_begins_anew_with_each_symbol() -> None:
    frame = pl.DataFrame(
        {"symbol": ["A", "A", "A", "B", "B", "C", "C"], "said": [None, 1, None, None, -1, 1, None]}
    )
    assert frame.select(held(pl.col("said")))["said"].to_list() == [0, 1, 1, 0, -1, 1, 1]


def test_true_range_counts_the_gap_to_the_close_before_it_and_not_to_another_symbol() -> None:
    frame = candles(
        {"AUSDT": [(9.0, 10.0, 8.0, 9.0), (12.0, 13.0, 12.0, 12.5)], "BUSDT": [(1.0, 1.0, 1.0, 1.0)]}
    )
    assert frame.select(true_range())[:, 0].to_list() == [None, 4.0, None]


def test_average_true_range_begins_when_it_is_whole_and_takes_nothing_of_another_symbol() -> None:
    wide, narrow = [(10.0, 12.0, 8.0, 10.0)] * 4, [(1.0, 1.5, 0.5, 1.0)] * 4
    frame = candles({"AUSDT": wide, "BUSDT": narrow})
    found = frame.select(average_true_range(2))[:, 0].to_list()
    assert found == [None, None, 4.0, 4.0, None, None, 1.0, 1.0]
