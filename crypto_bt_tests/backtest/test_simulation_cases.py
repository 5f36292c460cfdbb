"""Each rule of docs/assumptions.md on bars small enough to compute by hand: fills, costs, funding, marks."""

from datetime import timedelta

import polars as pl
import pytest

from crypto_bt.backtest import Costs, Rules, simulate
from crypto_bt.backtest.rules import Distance, Exits, Sizing
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.by_hand import BTC, FLAT, FREE, exits, fills, run
from crypto_bt_tests.backtest.markets import H4, START, Ohlc, candles, funding, wanted

UP: Ohlc = (100.0, 112.0, 100.0, 110.0)
LONG = exits(stop_loss=Distance(0.05), take_profit=Distance(0.10))

CASES: dict[str, tuple[list[Ohlc | None], list[int], Rules, list[tuple[float, float, str]]]] = {
    "target_at_close_fills_at_next_open": (
        [FLAT, (101, 102, 100, 101.5), (103, 104, 102, 103.5), FLAT], [1, 0, 0, 0], Rules(FREE),
        [(101, 103, "signal")],
    ),
    "flip_closes_and_opens_at_one_open": (
        [FLAT, FLAT, (90, 91, 89, 90), (80, 81, 79, 80)], [1, -1, 0, 0], Rules(FREE),
        [(100, 90, "signal"), (90, 80, "signal")],
    ),
    "stop_on_entry_bar_applies": (
        [FLAT, (100, 101, 94, 96), FLAT], [1, 1, 1], LONG, [(100, 95, "stop")],
    ),
    "stop_before_target_in_one_bar": (
        [FLAT, FLAT, (100, 111, 94, 100), FLAT], [1, 1, 1, 1], LONG, [(100, 95, "stop")],
    ),
    "gap_through_stop_fills_at_open": (
        [FLAT, FLAT, (90, 92, 88, 91), FLAT], [1, 1, 1, 1], LONG, [(100, 90, "stop")],
    ),
    "gap_through_target_fills_at_open_even_if_stop_is_reached_later": (
        [FLAT, FLAT, (115, 116, 90, 91), FLAT], [1, 1, 1, 1], LONG, [(100, 115, "target")],
    ),
    "target_inside_bar_fills_at_target": (
        [FLAT, FLAT, UP, FLAT], [1, 1, 1, 1], LONG, [(100, 110, "target")],
    ),
    "short_stop_is_above": (
        [FLAT, FLAT, (100, 106, 99, 100), FLAT], [-1, -1, -1, -1], LONG, [(100, 105, "stop")],
    ),
    "short_target_is_below": (
        [FLAT, FLAT, (100, 101, 89, 92), FLAT], [-1, -1, -1, -1], LONG, [(100, 90, "target")],
    ),
    "signal_exit_comes_before_resting_orders_at_the_open": (
        [FLAT, FLAT, (90, 92, 88, 91), FLAT], [1, 0, 0, 0], LONG, [(100, 90, "signal")],
    ),
    "no_reentry_until_target_changes": (
        [FLAT, FLAT, (90, 92, 88, 91), FLAT, FLAT, FLAT, FLAT], [1, 1, 1, 1, 0, 1, 1], LONG,
        [(100, 90, "stop"), (100, 100, "open")],
    ),
    "reversal_after_stop_enters_at_next_open": (
        [FLAT, FLAT, (90, 92, 88, 91), (70, 71, 69, 70), FLAT], [1, 1, -1, -1, 0],
        exits(stop_loss=Distance(0.05)), [(100, 90, "stop"), (70, 100, "stop")],
    ),
    "gap_closes_at_last_close_and_cancels_the_order": (
        [FLAT, (100, 104, 99, 103), None, (200, 200, 200, 200), FLAT], [1, -1, 0, 0, 0], Rules(FREE),
        [(100, 103, "gap")],
    ),
    "target_after_a_gap_enters_at_the_second_bar": (
        [FLAT, FLAT, None, (200, 200, 200, 200), (210, 210, 210, 210)], [1, 1, 1, 1, 1], Rules(FREE),
        [(100, 100, "gap"), (210, 210, "open")],
    ),
    "target_on_the_last_bar_is_never_filled": ([FLAT, FLAT], [0, 1], Rules(FREE), []),
    "leveraged_long_is_liquidated_where_nothing_is_left": (
        [FLAT, FLAT, (100, 100, 89, 95), FLAT, FLAT], [1, 1, 0, 1, 1], Rules(FREE, sizing=Sizing(10.0)),
        [(100, 90, "liquidation")],
    ),
    "open_beyond_liquidation_loses_no_more_than_the_account": (
        [FLAT, FLAT, (70, 75, 65, 72), FLAT], [1, 0, 0, 0], Rules(FREE, sizing=Sizing(5.0)),
        [(100, 70, "liquidation")],
    ),
    "stop_before_liquidation_saves_the_rest": (
        [FLAT, FLAT, (100, 100, 85, 95), FLAT], [1, 1, 1, 1],
        Rules(FREE, Exits(stop_loss=Distance(0.05)), Sizing(10.0)),
        [(100, 95, "stop")],
    ),
    "liquidation_before_a_stop_that_lies_beyond": (
        [FLAT, FLAT, (100, 100, 70, 95), FLAT], [1, 1, 1, 1],
        Rules(FREE, Exits(stop_loss=Distance(0.25)), Sizing(10.0)),
        [(100, 90, "liquidation")],
    ),
    "touching_the_stop_exactly_is_enough": (
        [FLAT, FLAT, (100, 100, 75, 90), FLAT], [1, 1, 1, 1], exits(stop_loss=Distance(0.25)),
        [(100, 75, "stop")],
    ),
    "touching_the_target_exactly_is_enough": (
        [FLAT, FLAT, (100, 125, 99, 120), FLAT], [1, 1, 1, 1], exits(take_profit=Distance(0.25)),
        [(100, 125, "target")],
    ),
    "reaching_liquidation_exactly_is_enough": (
        [FLAT, FLAT, (100, 100, 75, 90), FLAT], [1, 1, 1, 1], Rules(FREE, sizing=Sizing(4.0)),
        [(100, 75, "liquidation")],
    ),
    "slippage_worsens_market_and_stop_fills": (
        [FLAT, FLAT, (100, 100, 94, 96), FLAT], [1, 1, 1, 1],
        Rules(Costs(0.0, 0.0, 100.0), Exits(stop_loss=Distance(0.05))),
        [(101, 95.95 * 0.99, "stop")],
    ),
    "slippage_spares_take_profit": (
        [FLAT, FLAT, (100, 120, 100, 115), FLAT], [1, 1, 1, 1],
        Rules(Costs(0.0, 0.0, 100.0), Exits(take_profit=Distance(0.10))),
        [(101, 111.1, "target")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_simulate_case_gives_the_fills_computed_by_hand(case: str) -> None:
    bars, targets, rules, expected = CASES[case]
    rounded = [(round(entry, 9), round(left, 9), reason) for entry, left, reason in expected]
    assert fills(run(bars, targets, rules)) == rounded


def test_simulate_commission_is_charged_on_both_notionals() -> None:
    rules = Rules(Costs(10.0, 0.0, 0.0), sizing=Sizing(0.5))
    trade = run([FLAT, FLAT, (110, 110, 110, 110)], [1, 0, 0], rules).trades.row(0, named=True)
    assert trade["quantity"] == pytest.approx(5.0)
    assert trade["commission"] == pytest.approx(0.5 + 0.55)
    assert trade["net_pnl"] == pytest.approx(50.0 - 1.05)
    assert trade["net_return"] == pytest.approx(0.04895)


def test_simulate_a_full_account_leaves_room_for_the_commission_of_its_entry() -> None:
    trade = run([FLAT, FLAT, FLAT], [1, 0, 0], Rules(Costs(10.0, 0.0, 0.0))).trades.row(0, named=True)
    assert trade["quantity"] == pytest.approx(1_000.0 / 100.1)
    assert trade["commission"] == pytest.approx(2 * 1_000.0 / 1_001.0)


def test_simulate_a_limit_order_pays_the_makers_commission_and_no_slippage() -> None:
    rules = Rules(Costs(10.0, 4.0, 0.0), Exits(take_profit=Distance(0.10)), Sizing(0.5))
    trade = run([FLAT, FLAT, UP], [1, 1, 1], rules).trades.row(0, named=True)
    assert trade["commission"] == pytest.approx(500 * 0.0010 + 550 * 0.0004)
    assert trade["slippage"] == 0.0


def test_simulate_slippage_is_reported_apart_from_the_gross_result() -> None:
    result = run([FLAT, FLAT, (110, 110, 110, 110)], [1, 0, 0], Rules(Costs(0.0, 0.0, 50.0)))
    trade = result.trades.row(0, named=True)
    quantity = 1_000.0 / 100.5
    assert trade["gross_pnl"] == pytest.approx(quantity * 10.0)
    assert trade["slippage"] == pytest.approx(quantity * (0.5 + 0.55))
    assert trade["net_pnl"] == pytest.approx(quantity * (110 * 0.995 - 100.5))


def test_simulate_slippage_grows_with_the_range_and_the_share_of_the_volume() -> None:
    # 5 wanted of a volume of 20: 0.5 x 0.02 for impact; a range of 4 % of the open: 0.25 x 0.04; 1 % as it is
    rules = Rules(Costs(0.0, 0.0, 100.0, range_share=0.25, impact=0.02), sizing=Sizing(0.5))
    bars: list[Ohlc | None] = [FLAT, (100, 102, 98, 100), (100, 101, 100, 100)]
    trade = run(bars, [1, 0, 0], rules, volume=20.0).trades.row(0, named=True)
    quantity = 500.0 / 103.0
    share_at_exit = 0.02 * (quantity / 20.0) ** 0.5
    assert trade["entry_price"] == pytest.approx(103.0)
    assert trade["exit_price"] == pytest.approx(100.0 * (1 - 0.01 - 0.0025 - share_at_exit))
    dry = run(bars, [1, 0, 0], rules, volume=0.0).trades.row(0, named=True)
    assert dry["entry_price"] == pytest.approx(104.0)


def test_simulate_slippage_is_cut_to_half_of_the_price() -> None:
    rules = Rules(Costs(0.0, 0.0, 1_000.0, range_share=1.0, impact=1.0))
    bought, sold = (run([FLAT, (100, 190, 10, 100)], [side], rules).trades["entry_price"] for side in (1, -1))
    assert (bought.to_list(), sold.to_list()) == ([150.0], [50.0])


def test_simulate_exposure_scales_the_entry_notional() -> None:
    result = run([FLAT, FLAT, (110, 110, 110, 110)], [-1, 0, 0], Rules(FREE, sizing=Sizing(3.0)))
    assert result.trades["quantity"].to_list() == pytest.approx([30.0])
    assert result.trades["net_pnl"].to_list() == pytest.approx([-300.0])


@pytest.mark.parametrize(
    ("hours", "targets", "paid"),
    [
        (4, [1, 1, 0, 0], 0.0),  # at the open of the entry bar: nothing is carried into it
        (5, [1, 1, 0, 0], 2.0),  # inside the entry bar: 20 x 10 x 0.01
        (8, [1, 1, 0, 0], 2.0),  # at a later open
        (12, [1, 1, 0, 0], 2.0),  # at the open at which it is closed: carried into it, so paid
        (13, [1, 1, 0, 0], 0.0),  # after that
        (8, [-1, -1, 0, 0], -2.0),  # shorts receive
        (8, [1, -1, 0, 0], 2.0),  # a flip at that open: the long was carried
        (9, [1, -1, 0, 0], 0.0),  # a flip before it: long pays nothing, the short receives (second trade)
    ],
)
def test_simulate_funding_is_paid_by_who_holds_at_the_settlement(
    hours: int, targets: list[int], paid: float
) -> None:
    rates = funding([(BTC, START + timedelta(hours=hours), 0.01, 20.0)])
    result = run([FLAT, FLAT, FLAT, FLAT], targets, rates=rates)
    assert result.trades["funding"][0] == pytest.approx(paid)
    assert result.trades["net_pnl"].sum() == pytest.approx(-result.trades["funding"].sum())


def test_simulate_funding_above_the_balance_is_carried_by_open_profit() -> None:
    high: Ohlc = (300.0, 300.0, 300.0, 300.0)
    rates = funding([(BTC, START + timedelta(hours=13), 0.5, 220.0)])  # 10 x 220 x 0.5 = 1,100 of 1,000
    rules = Rules(FREE)
    result = run(
        [FLAT, FLAT, high, high, high, (300, 330, 300, 330), high], [1] * 5 + [0, 0], rules, rates=rates
    )
    assert fills(result) == [(100, 300, "signal")]
    assert result.bar_equity["equity"].to_list()[2:6] == pytest.approx([3_000.0, 1_900.0, 1_900.0, 2_200.0])
    assert result.trades["net_pnl"].to_list() == pytest.approx([900.0])


def test_simulate_funding_inside_the_bar_of_the_stop_is_still_paid() -> None:
    rates = funding([(BTC, START + timedelta(hours=7), 0.01, 20.0)])
    result = run([FLAT, (100, 100, 90, 95), FLAT], [1, 1, 1], LONG, rates=rates)
    assert result.trades["exit_reason"].to_list() == ["stop"]
    assert result.trades["funding"].to_list() == pytest.approx([2.0])


def test_simulate_open_position_is_listed_and_marked_without_exit_costs() -> None:
    rules = Rules(Costs(20.0, 0.0, 0.0), sizing=Sizing(0.5))
    result = run([FLAT, FLAT, (100, 120, 100, 120)], [1, 1, 1], rules)
    trade = result.trades.row(0, named=True)
    assert (trade["exit_reason"], trade["exit_price"], trade["exit_time"]) == ("open", 120.0, START + 3 * H4)
    assert trade["commission"] == pytest.approx(1.0)
    assert result.equity["equity"][-1] == pytest.approx((1_000 - 1 + 100) / 1_000)
    row = result.metrics.row(0, named=True)
    assert (row["trades"], row["win_rate"], row["profit_factor"]) == (1, None, None)


def test_simulate_times_are_the_open_for_open_fills_and_the_end_for_fills_inside() -> None:
    result = run([FLAT, FLAT, (100, 111, 94, 100), FLAT], [1, 1, 1, 1], LONG)
    assert result.trades["entry_time"].to_list() == [START + H4]
    assert result.trades["exit_time"].to_list() == [START + 3 * H4]


def test_simulate_equity_begins_at_one_and_has_a_row_for_each_utc_day() -> None:
    result = run([FLAT] * 6 + [(100, 110, 100, 110)] * 6 + [FLAT] * 2, [1] * 14)
    assert result.equity["time"].to_list() == [START + timedelta(days=day) for day in range(4)]
    assert result.equity["equity"].to_list() == pytest.approx([1.0, 1.0, 1.1, 1.0])
    assert result.equity["drawdown"].to_list() == pytest.approx([0.0, 0.0, 0.0, -1 / 11])


def test_simulate_symbol_listed_later_keeps_its_share_in_cash() -> None:
    late: list[Ohlc | None] = [None] * 6 + [FLAT, FLAT, (100, 200, 100, 200)]
    bars = candles({"AAAUSDT": [FLAT] * 9, "BBBUSDT": late})
    result = simulate(
        bars, wanted({"AAAUSDT": [0] * 9, "BBBUSDT": [1] * 9}), timeframe=Timeframe.H4, rules=Rules(FREE)
    )
    assert result.equity["equity"].to_list() == pytest.approx([1.0, 1.0, 1.5])
    assert result.metrics.filter(pl.col("symbol") == "BBBUSDT")["net_return"].to_list() == pytest.approx(
        [1.0]
    )
