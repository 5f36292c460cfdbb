"""Many parameter sets at once: the same bytes on any number of threads, and the same as each one recorded."""

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from numpy.typing import NDArray

from crypto_bt.backtest.bars import Bars, arrange_bars
from crypto_bt.backtest.candle_rows import DAY_MS
from crypto_bt.backtest.engine import Signals, record, run
from crypto_bt.backtest.layout import BARS_HELD, FINAL_EQUITY, STATISTICS, TRADE_FIELDS, TRADES, ExitReason
from crypto_bt.backtest.parameters import parameter_array
from crypto_bt.backtest.portfolio import daily_equity
from crypto_bt.backtest.rules import Rules
from crypto_bt.backtest.signal_arrays import signals_of
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.nasty_markets import Market, Nastiness, nastiness, nasty_market, nasty_rules

CAPITAL = 1_000.0
SEEDS = range(40, 48)
#: How each signal set differs from the first: by what its targets are multiplied.
WEIGHTS = (1, -1, 0.5)
Floats = NDArray[np.float64]


def market(seed: int, timeframe: Timeframe = Timeframe.H4) -> Market:
    how = replace(nastiness(seed), bars=120, change=0.3, atr_missing=0.2)
    if timeframe is Timeframe.H1:
        how = replace(how, finer_missing=None)
    return nasty_market(seed, how, timeframe)


def arranged(found: Market, timeframe: Timeframe = Timeframe.H4) -> tuple[Bars, list[Signals]]:
    """The bars, and signal sets that go with and against the market's targets, and with half their size."""
    candles = found.candles.sort("symbol", "open_time")
    bars = arrange_bars(
        candles, timeframe, funding_rates=found.funding_rates, mark_prices=found.mark_prices,
        finer=found.finer, contracts=found.contracts,
    )  # fmt: skip
    one = signals_of(candles, found.targets, timeframe)
    return bars, [replace(one, targets=(one.targets * weight).astype(np.int8)) for weight in WEIGHTS]


def together(sets: list[Signals]) -> Signals:
    def rows(name: str) -> Floats:
        return np.concatenate([getattr(each, name) for each in sets])

    if not len(sets[0].stop_prices):
        return Signals(rows("targets"), atr=sets[0].atr)
    return Signals(rows("targets"), rows("stop_prices"), rows("target_prices"), sets[0].atr)


def rules_of(seed: int, count: int) -> list[tuple[int, Rules]]:
    return [(number % len(WEIGHTS), nasty_rules(seed * 100 + number)) for number in range(count)]


def swept(seed: int, count: int, threads: int) -> tuple[Floats, Floats]:
    bars, sets = arranged(market(seed))
    daily = np.zeros((count, bars.days + 1))
    parameters = parameter_array(rules_of(seed, count))
    return run(bars, together(sets), parameters, capital=CAPITAL, threads=threads, daily=daily), daily


def last_closes(bars: Bars, equity: Floats, symbol: int) -> Floats:
    """The account's equity at the last bar that began on each day or before it."""
    day = bars.open_time[bars.span(symbol)] // DAY_MS - bars.first_day
    before = np.searchsorted(day, np.arange(-1, bars.days), side="right")
    return np.append(CAPITAL, equity[bars.span(symbol)])[before]


def digest(arrays: tuple[Floats, ...]) -> str:
    found = sha256()
    for array in arrays:
        found.update(f"{array.shape}{array.dtype}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("count", [1, 3, 50])
def test_one_two_and_more_threads_give_the_same_bytes(count: int) -> None:
    for seed in SEEDS[:3]:
        one, *others = (digest(swept(seed, count, threads)) for threads in (1, 1, 2, 3, 7))
        assert others == [one] * 4


def test_a_parameter_set_is_the_same_alone_and_among_others() -> None:
    bars, sets = arranged(market(41))
    rules = rules_of(41, 20)
    statistics, daily = swept(41, 20, 1)
    for number, one in enumerate(rules):
        own = np.zeros((1, bars.days + 1))
        alone = run(bars, together(sets), parameter_array([one]), capital=CAPITAL, daily=own)
        assert digest((alone[:, 0], own[0])) == digest((statistics[:, number], daily[number]))


@pytest.mark.parametrize("timeframe", [Timeframe.H4, Timeframe.H1])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_and_a_recording_agree_exactly(seed: int, timeframe: Timeframe) -> None:
    bars, sets = arranged(market(seed, timeframe), timeframe)
    rules = rules_of(seed, 12)
    daily = np.zeros((len(rules), bars.days + 1))
    statistics = run(bars, together(sets), parameter_array(rules), capital=CAPITAL, daily=daily)
    assert statistics[:, :, TRADES].sum() > 20
    for number, (row, one) in enumerate(rules):
        recording = record(bars, sets[row], one, capital=CAPITAL)
        np.testing.assert_array_equal(recording.statistics, statistics[:, number])
        ends = recording.equity[bars.offsets[1:] - 1]
        np.testing.assert_array_equal(ends, statistics[:, number, FINAL_EQUITY])
        expected = daily_equity(bars, recording.daily).portfolio
        np.testing.assert_allclose(daily[number], expected, rtol=1e-12, atol=1e-12 * CAPITAL)
        for symbol in range(len(bars.symbols)):
            np.testing.assert_array_equal(
                recording.daily[symbol], last_closes(bars, recording.equity, symbol)
            )


@pytest.mark.parametrize("seed", SEEDS)
def test_the_statistics_are_the_sums_of_the_recorded_trades(seed: int) -> None:
    bars, sets = arranged(market(seed))
    recording = record(bars, sets[0], nasty_rules(seed), capital=CAPITAL)
    for symbol in range(len(bars.symbols)):
        trades = recording.trades[recording.trade_symbol == symbol]
        row = dict(zip(STATISTICS, recording.statistics[symbol], strict=True))
        columns = ("moved", "commission", "slippage", "funding", "reason")
        moved, commission, slippage, paid, reason = trades[:, [TRADE_FIELDS.index(one) for one in columns]].T
        assert row["trades"] == len(trades)
        assert row["commission"] == pytest.approx(commission.sum())
        assert row["slippage"] == pytest.approx(slippage.sum())
        assert row["funding"] == pytest.approx(paid.sum())
        net = (moved - commission - paid)[reason != ExitReason.OPEN]
        assert row["closed_trades"] == len(net)
        assert row["profit"] - row["loss"] == pytest.approx(net.sum(), abs=1e-9 * np.abs(net).sum())


@pytest.mark.parametrize("seed", SEEDS)
def test_daily_figures_are_those_of_the_accounts_daily_equity(seed: int) -> None:
    bars, sets = arranged(market(seed))
    recording = record(bars, sets[0], nasty_rules(seed), capital=CAPITAL)
    for symbol in range(len(bars.symbols)):
        marks = recording.daily[symbol]
        row = dict(zip(STATISTICS, recording.statistics[symbol], strict=True))
        before = marks[:-1]
        returns = np.divide(marks[1:], before, out=np.ones(len(before)), where=before > 0.0) - 1.0
        fall = np.minimum(returns, 0.0)
        assert row["return_sum"] == pytest.approx(returns.sum(), abs=1e-9)
        assert row["return_square_sum"] == pytest.approx((returns**2).sum(), rel=1e-9, abs=1e-12)
        assert row["downside_square_sum"] == pytest.approx((fall**2).sum(), rel=1e-9, abs=1e-12)
        peak = np.maximum.accumulate(marks)
        assert row["max_drawdown"] == pytest.approx((marks / peak - 1.0).min(), abs=1e-9)


def test_a_recording_without_every_bar_is_the_same_but_for_them() -> None:
    bars, sets = arranged(market(42))
    whole, short = (
        record(bars, sets[0], nasty_rules(42), capital=CAPITAL, every_bar=one) for one in (True, False)
    )
    assert len(short.equity) == 0
    for name in ("statistics", "trades", "trade_symbol", "daily"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(short, name))


def test_a_position_held_to_the_last_bar_of_all_reads_nothing_beyond_it() -> None:
    """What lies in the memory behind the days would pass for many more of them."""
    bars, _ = arranged(nasty_market(1, Nastiness(bars=60, wild=0.001)))
    count = len(bars.blocks.lines)
    first = np.append(bars.blocks.first, np.zeros(50, np.int64))
    lines = np.vstack([bars.blocks.lines, np.tile(bars.blocks.lines[-1], (50, 1))])
    behind = replace(bars.blocks, first=first[: count + 1], lines=lines[:count])
    always = Signals(np.full((1, len(bars)), 100, np.int8))
    seen = []
    for blocks in (bars.blocks, behind):
        daily = np.zeros((1, bars.days + 1))
        parameters = parameter_array([(0, Rules())])
        statistics = run(replace(bars, blocks=blocks), always, parameters, capital=CAPITAL, daily=daily)
        seen.append(digest((statistics, daily)))
    assert seen[0] == seen[1]


def test_the_equity_matrix_is_added_to_and_may_hold_more_days() -> None:
    """A part of the symbols gives its share of a matrix that spans all of them."""
    found = market(44)
    candles = found.candles.sort("symbol", "open_time")
    bars, sets = arranged(found)
    wider = arrange_bars(candles, Timeframe.H4, days=(bars.first_day - 2, bars.first_day + bars.days + 2))
    parameters = parameter_array([(0, Rules())])
    daily = np.full((1, wider.days + 1), 5.0)
    statistics = run(wider, sets[0], parameters, capital=CAPITAL, daily=daily)
    start = 5.0 + CAPITAL * len(bars.symbols)
    assert daily[0, :3].tolist() == [start] * 3
    assert daily[0, -4:] == pytest.approx([5.0 + statistics[:, 0, FINAL_EQUITY].sum()] * 4)


def test_an_account_that_is_always_flat_keeps_its_capital() -> None:
    bars, _ = arranged(nasty_market(1, Nastiness(bars=20)))
    flat = Signals(np.zeros((1, len(bars)), np.int8))
    daily = np.zeros((1, bars.days + 1))
    statistics = run(bars, flat, parameter_array([(0, Rules())]), capital=CAPITAL, daily=daily)
    assert statistics[:, 0, FINAL_EQUITY].tolist() == [CAPITAL] * 2
    assert not statistics[:, 0, [TRADES, BARS_HELD]].any()
    assert set(daily[0]) == {2 * CAPITAL}
