"""The scale-out of rule 19, on bars computed by hand."""

import pytest

from crypto_bt.backtest import Costs, Rules
from crypto_bt.backtest.contracts import Contract
from crypto_bt.backtest.rules import Distance, Exits, Sizing
from crypto_bt_tests.backtest.by_hand import FLAT, FREE, exits, fills, run
from crypto_bt_tests.backtest.markets import Ohlc

LOW: Ohlc = (90.0, 90.0, 90.0, 90.0)


@pytest.mark.parametrize(
    ("bars", "exit_price", "reason"),
    [
        # a quarter leaves at 102, the rest at the stop
        ([FLAT, (100, 103, 100, 103), (103, 103, 94, 95)], 0.25 * 102 + 0.75 * 95, "stop"),
        # the same, at an open beyond the level
        ([FLAT, FLAT, (104, 104, 104, 104), (96, 97, 94, 95)], 0.25 * 104 + 0.75 * 95, "stop"),
        # both limits in one bar, the nearer first
        ([FLAT, (100, 120, 100, 110)], 0.25 * 102 + 0.75 * 110, "target"),
        # the open is beyond both: all leaves by the take-profit
        ([FLAT, FLAT, (115, 115, 115, 115)], 115, "target"),
        # it leaves once only
        ([FLAT, (100, 103, 100, 100), (100, 103, 100, 101)], 0.25 * 102 + 0.75 * 101, "open"),
    ],
)
def test_scale_out_is_a_part_of_one_trade(bars: list[Ohlc | None], exit_price: float, reason: str) -> None:
    rules = exits(
        stop_loss=Distance(0.05),
        take_profit=Distance(0.10),
        scale_out_at=Distance(0.02),
        scale_out_share=0.25,
    )
    result = run(bars, [1] * len(bars), rules)
    assert fills(result) == [(100, round(exit_price, 9), reason)]
    assert result.trades["quantity"].to_list() == [10.0]
    assert result.bar_equity["equity"][-1] == pytest.approx(1_000.0 + 10.0 * (exit_price - 100.0))


def test_scale_out_pays_the_maker_and_the_stop_the_taker() -> None:
    rules = Rules(
        Costs(10.0, 4.0, 0.0),
        Exits(stop_loss=Distance(0.05), scale_out_at=Distance(0.02), scale_out_share=0.25),
        Sizing(0.5),
    )
    result = run([FLAT, (100, 103, 100, 103), (103, 103, 94, 95)], [1] * 3, rules)
    expected = 500 * 0.001 + 1.25 * 102 * 0.0004 + 3.75 * 95 * 0.001
    assert result.trades["commission"].to_list() == pytest.approx([expected])


@pytest.mark.parametrize(("lot", "share", "left"), [(1.0, 0.25, 8.0), (1.0, 0.05, 10.0), (4.0, 0.75, 4.0)])
def test_scale_out_share_is_rounded_down_to_the_lot(lot: float, share: float, left: float) -> None:
    """From 10 units (8 with a lot of 4); a share of 0 is no scale-out."""
    rules = exits(scale_out_at=Distance(0.02), scale_out_share=share)
    result = run([FLAT, (100, 102, 100, 100), LOW], [1] * 3, rules, contract=Contract(lot=lot))
    held = 10.0 if lot == 1.0 else 8.0
    assert result.bar_equity["equity"][-1] == pytest.approx(1_000.0 + 2.0 * (held - left) - 10.0 * left)


def test_scale_out_takes_its_share_of_the_margin_with_it() -> None:
    """Half leaves with 500 of the 1,000 margin and 100 of profit; the rest is liquidated at 90 as before."""
    rules = Rules(FREE, Exits(scale_out_at=Distance(0.02)), Sizing(10.0))
    result = run([FLAT, (100, 102, 100, 100), (100, 100, 85, 88)], [1] * 3, rules)
    assert fills(result) == [(100, 96, "liquidation")]
    assert result.bar_equity["equity"].to_list() == pytest.approx([1_000.0, 1_100.0, 600.0])
