"""Exits that move and exits that wait (rules 17 to 20), on bars computed by hand."""

import pytest

from crypto_bt.backtest import Rules
from crypto_bt.backtest.rules import Distance
from crypto_bt_tests.backtest.by_hand import FLAT, Given, exits, fills, run
from crypto_bt_tests.backtest.markets import Ohlc

Fills = list[tuple[float, float, str]]
TRAIL_LATER = exits(trail_after=Distance(0.05), trail_by=Distance(0.02))
TRAIL = exits(trail_by=Distance(0.02))
EVEN = exits(stop_loss=Distance(0.1), break_even_after=Distance(0.02), break_even_offset=0.001)
LOW: Ohlc = (90.0, 90.0, 90.0, 90.0)

CASES: dict[str, tuple[list[Ohlc | None], float, Rules, Fills]] = {
    "trailing_stop_follows_the_best_price_once_it_is_active": (
        [FLAT, (100, 110, 99, 109), (109, 109.5, 107, 108)], 1, TRAIL_LATER, [(100, 107.8, "stop")],
    ),
    "trailing_stop_of_a_short_lies_above_the_best_price": (
        [FLAT, (100, 101, 90, 91), (91, 93, 90.5, 92)], -1, TRAIL_LATER, [(100, 91.8, "stop")],
    ),
    "trailing_stop_waits_for_its_activation": (
        [FLAT, (100, 104.9, 99, 104), LOW], 1, TRAIL_LATER, [(100, 90, "open")],
    ),
    "activation_exactly_reached_is_enough": (
        [FLAT, (100, 105, 99, 104), (104, 104, 102, 103)], 1, TRAIL_LATER, [(100, 102.9, "stop")],
    ),
    "trailing_stop_never_moves_back": (
        [FLAT, (100, 110, 99, 109), (109, 109, 108, 108.5), (108.5, 109, 107.8, 108)], 1, TRAIL_LATER,
        [(100, 107.8, "stop")],
    ),
    "trailing_stop_gapped_through_fills_at_the_open": (
        [FLAT, (100, 110, 99, 109), (95, 96, 94, 95)], 1, TRAIL_LATER, [(100, 95, "stop")],
    ),
    "trailing_stop_without_activation_holds_from_the_bar_after_the_entry": (
        [FLAT, (100, 100, 97, 99), (99, 99, 97.5, 98)], 1, TRAIL, [(100, 98, "stop")],
    ),
    "trailing_stop_does_not_work_on_the_bar_that_moves_it": (
        [FLAT, (100, 120, 90, 119), (119, 119, 118, 118)], 1, TRAIL, [(100, 118, "open")],
    ),
    "fixed_stop_stays_where_the_trailing_stop_lies_farther_away": (
        [FLAT, (100, 101, 99.5, 100), (100, 100, 98.5, 99)], 1,
        exits(stop_loss=Distance(0.01), trail_by=Distance(0.05)), [(100, 99, "stop")],
    ),
    "trail_after_without_trail_by_is_no_rule": (
        [FLAT, (100, 110, 99, 109), LOW], 1, exits(trail_after=Distance(0.05)), [(100, 90, "open")],
    ),
    "break_even_of_a_long": (
        [FLAT, (100, 102, 95, 101), (101, 101, 99, 100)], 1, EVEN, [(100, 100.1, "stop")],
    ),
    "break_even_of_a_short": (
        [FLAT, (100, 100.5, 97.5, 98), (98, 101, 98, 101)], -1, EVEN, [(100, 99.9, "stop")],
    ),
    "break_even_not_reached_leaves_the_stop": (
        [FLAT, (100, 101.9, 95, 101), (101, 101, 89, 90)], 1, EVEN, [(100, 90, "stop")],
    ),
    "break_even_may_lie_on_the_adverse_side": (
        [FLAT, (100, 102, 100, 101), (101, 101, 98, 99)], 1,
        exits(break_even_after=Distance(0.02), break_even_offset=-0.01), [(100, 99, "stop")],
    ),
    "time_stop_leaves_at_the_open_of_its_bar_and_blocks_the_direction": (
        [FLAT, FLAT, FLAT, (105, 106, 104, 105), FLAT, FLAT], 1, exits(time_stop=2), [(100, 105, "time")],
    ),
    "time_stop_of_one_bar_leaves_at_the_next_open": (
        [FLAT, FLAT, LOW, FLAT], -1, exits(time_stop=1), [(100, 90, "time")],
    ),
    "time_stop_comes_before_resting_orders_at_its_open": (
        [FLAT, FLAT, LOW, FLAT], 1, exits(time_stop=1, stop_loss=Distance(0.05)), [(100, 90, "time")],
    ),
    "another_exit_may_come_before_the_time_stop": (
        [FLAT, FLAT, LOW, FLAT], 1, exits(time_stop=2, stop_loss=Distance(0.05)), [(100, 90, "stop")],
    ),
    "a_gap_ends_the_trade_before_its_time": (
        [FLAT, FLAT, None, LOW, LOW, LOW], 1, exits(time_stop=2), [(100, 100, "gap"), (90, 90, "open")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_exit_gives_the_fills_computed_by_hand(case: str) -> None:
    bars, target, rules, expected = CASES[case]
    assert fills(run(bars, [target] * len(bars), rules)) == expected


def test_a_target_of_another_sign_goes_before_the_time_stop() -> None:
    result = run([FLAT, FLAT, LOW, LOW], [1, -1, -1, -1], exits(time_stop=1))
    assert fills(result) == [(100, 90, "signal"), (90, 90, "time")]


def test_a_trailing_stop_follows_through_quiet_days() -> None:
    """18 bars that rise by 1 from 100, then a fall: the best price is 119."""
    rise: list[Ohlc | None] = [(100.0 + i, 101.0 + i, 100.0 + i, 101.0 + i) for i in range(1, 19)]
    bars = [FLAT, *rise, (119.0, 119.0, 100.0, 110.0)]
    assert fills(run(bars, [1] * len(bars), TRAIL)) == [(101, 119 * 0.98, "stop")]


@pytest.mark.parametrize(
    ("rules", "bar", "expected"),
    [
        (exits(stop_loss=Distance(0.01, 2.0)), (100, 100, 95, 96), (100, 96, "stop")),
        (exits(take_profit=Distance(atr=3.0)), (100, 110, 100, 108), (100, 104.5, "target")),
        (exits(scale_out_at=Distance(0.01, 1.0), time_stop=2), (100, 110, 100, 108), (100, 101.25, "time")),
    ],
)
def test_distances_in_atr_are_those_of_the_bar_of_the_target(
    rules: Rules, bar: Ohlc, expected: tuple[float, float, str]
) -> None:
    given: Given = {"atr": [1.5, 50.0, 50.0, 50.0]}
    assert fills(run([FLAT, FLAT, bar, FLAT], [1] * 4, rules, given=given)) == [expected]


def test_a_trailing_distance_may_be_a_share_of_the_best_price_and_an_atr() -> None:
    rules = exits(trail_after=Distance(atr=4.0), trail_by=Distance(0.01, 2.0))
    bars: list[Ohlc | None] = [FLAT, (100, 110, 99, 109), (109, 109, 105, 106)]
    assert fills(run(bars, [1] * 3, rules, given={"atr": [0.5] * 3})) == [(100, 107.9, "stop")]


def test_break_even_may_be_activated_by_an_atr() -> None:
    rules = exits(break_even_after=Distance(atr=2.0))
    bars: list[Ohlc | None] = [FLAT, (100, 101, 99, 101), (101, 101, 99, 99)]
    assert fills(run(bars, [1] * 3, rules, given={"atr": [0.5] * 3})) == [(100, 100, "stop")]
    assert fills(run(bars, [1] * 3, rules, given={"atr": [0.6] * 3})) == [(100, 99, "open")]
