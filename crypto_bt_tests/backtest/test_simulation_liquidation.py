"""Margin, maintenance and liquidation (rules 13, 14, 22 to 25), computed by hand."""

from datetime import timedelta

import pytest

from crypto_bt.backtest import Costs, Rules
from crypto_bt.backtest.contracts import Contract, Tier
from crypto_bt.backtest.rules import Distance, Exits, Sizing
from crypto_bt_tests.backtest.by_hand import BTC, FLAT, FREE, counts, fills, run
from crypto_bt_tests.backtest.markets import H4, START, Ohlc, funding

#: 50 units at 100 with a margin of 500, and 500 in cash: without tiers it is liquidated at 90.
HALF = Rules(FREE, sizing=Sizing(5.0, leverage=10.0))
ONE_TIER = Contract(tiers=(Tier(0.0, 1e9, 0.01, 50.0),), liquidation_fee=0.005)
TWO_TIERS = Contract(tiers=(Tier(0.0, 4_600.0, 0.01, 50.0), Tier(4_600.0, 1e9, 0.05, 10.0)))


def test_a_liquidation_takes_the_margin_and_leaves_the_cash() -> None:
    result = run([FLAT, (100, 101, 80, 90), FLAT], [1] * 3, HALF)
    assert fills(result) == [(100, 90, "liquidation")]
    assert result.trades["net_pnl"].to_list() == pytest.approx([-500.0])
    assert result.trades["exit_time"].to_list() == [START + 2 * H4]
    assert result.bar_equity["equity"].to_list() == pytest.approx([1_000.0, 500.0, 500.0])


@pytest.mark.parametrize(
    ("side", "bar", "price"),
    [
        (1, (100, 101, 80, 90), (500.0 - 5_000.0) / (50.0 * 0.01 - 50.0)),
        (-1, (100, 120, 99, 110), (500.0 + 5_000.0) / (50.0 * 0.01 + 50.0)),
    ],
)
def test_a_liquidation_pays_its_fee_and_keeps_the_maintenance_margin_that_is_left(
    side: float, bar: Ohlc, price: float
) -> None:
    result = run([FLAT, bar], [side] * 2, HALF, contract=ONE_TIER)
    trade = result.trades.row(0, named=True)
    fee = 0.005 * 50.0 * price
    assert fills(result) == [(100, round(price, 9), "liquidation")]
    assert trade["commission"] == pytest.approx(fee)
    assert trade["net_pnl"] == pytest.approx(-500.0 + 0.01 * 50.0 * price - fee)
    assert result.bar_equity["equity"][-1] == pytest.approx(500.0 + 0.01 * 50.0 * price - fee)


@pytest.mark.parametrize(
    ("side", "bar", "price"),
    [
        # a long falls into the first tier: 4,600 / 50 = 92 lies above its price
        (1, (100, 101, 80, 90), (500.0 - 5_000.0) / (50.0 * 0.01 - 50.0)),
        # a short rises in the second, whose amount is 4,600 x 0.04
        (-1, (100, 120, 99, 110), (500.0 + 184.0 + 5_000.0) / (50.0 * 0.05 + 50.0)),
    ],
)
def test_the_tier_is_that_of_the_notional_at_the_liquidation_price(
    side: float, bar: Ohlc, price: float
) -> None:
    assert fills(run([FLAT, bar], [side] * 2, HALF, contract=TWO_TIERS)) == [
        (100, round(price, 9), "liquidation")
    ]


def test_an_open_beyond_the_liquidation_price_loses_no_more_than_the_margin() -> None:
    result = run([FLAT, FLAT, (50, 60, 40, 50)], [1] * 3, HALF)
    trade = result.trades.row(0, named=True)
    assert fills(result) == [(100, 50, "liquidation")]
    assert (trade["exit_time"], trade["net_pnl"], trade["gross_pnl"]) == (START + 2 * H4, -500.0, -500.0)
    assert result.bar_equity["equity"][-1] == 500.0


def test_a_fee_that_the_margin_does_not_cover_is_paid_as_far_as_it_does() -> None:
    contract = Contract(tiers=ONE_TIER.tiers, liquidation_fee=0.05)
    trade = run([FLAT, (100, 101, 80, 90)], [1] * 2, HALF, contract=contract).trades.row(0, named=True)
    assert trade["commission"] == pytest.approx(0.01 * 50.0 * trade["exit_price"])
    assert trade["net_pnl"] == pytest.approx(-500.0)


def test_liquidation_at_the_open_goes_before_the_order_that_waits() -> None:
    result = run([FLAT, FLAT, (85, 90, 80, 85), FLAT], [1, 0, 0, 0], HALF)
    assert fills(result) == [(100, 85, "liquidation")]


def test_stop_and_liquidation_at_one_price_are_a_liquidation() -> None:
    rules = Rules(FREE, Exits(Distance(0.25)), Sizing(4.0))
    assert fills(run([FLAT, (100, 100, 70, 80)], [1] * 2, rules)) == [(100, 75, "liquidation")]


CALM: Ohlc = (100.0, 100.0, 99.0, 100.0)


@pytest.mark.parametrize(
    ("bar", "mark", "expected"),
    [
        # a wick of the trades that the mark price never had
        ((100, 101, 80, 99), [CALM] * 8, (100, 99, "open")),
        # a wick of the mark price that the trades never had, in the last hour
        (FLAT, [CALM] * 7 + [(100, 100, 89, 100)], (100, 90, "liquidation")),
        # mark candles that are missing leave those that are stored
        ((100, 101, 80, 99), [CALM] * 5 + [None] * 3, (100, 99, "open")),
        # none inside the bar: the candle's own extremes
        ((100, 101, 80, 99), [CALM] * 4 + [None] * 4, (100, 90, "liquidation")),
        # the wick belongs to another bar
        (FLAT, [*[CALM] * 3, (100, 100, 50, 100), *[CALM] * 4], (100, 100, "open")),
    ],
)
def test_liquidation_inside_a_bar_goes_by_the_mark_price(
    bar: Ohlc, mark: list[Ohlc | None], expected: tuple[float, float, str]
) -> None:
    assert fills(run([FLAT, bar], [1] * 2, HALF, mark=mark)) == [expected]


def test_a_short_is_liquidated_by_the_high_of_the_mark_price() -> None:
    mark: list[Ohlc | None] = [FLAT] * 5 + [(100, 111, 100, 100), FLAT, FLAT]
    assert fills(run([FLAT, FLAT], [-1] * 2, HALF, mark=mark)) == [(100, 110, "liquidation")]


def test_stops_and_limits_go_by_the_trades_not_by_the_mark_price() -> None:
    rules = Rules(FREE, Exits(Distance(0.05), Distance(0.1)), HALF.sizing)
    mark: list[Ohlc | None] = [FLAT] * 4 + [(100, 150, 92, 100)] * 4
    assert fills(run([FLAT, FLAT], [1] * 2, rules, mark=mark)) == [(100, 100, "open")]


def test_where_the_mark_price_is_calmer_equity_at_a_close_may_be_below_zero() -> None:
    result = run([FLAT, (100, 100, 80, 80)], [1] * 2, Rules(FREE, sizing=Sizing(10.0)), mark=[CALM] * 8)
    assert result.bar_equity["equity"].to_list() == pytest.approx([1_000.0, -1_000.0])


def test_funding_comes_out_of_the_margin_and_moves_the_liquidation_price() -> None:
    bars: list[Ohlc | None] = [FLAT, (100, 100, 94, 95), FLAT]
    assert fills(run(bars, [1] * 3, HALF)) == [(100, 100, "open")]

    def paid(rate: float) -> tuple[float, float, float]:
        rates = funding([(BTC, START + timedelta(hours=5), rate, 100.0)])
        trade = run(bars, [1] * 3, HALF, rates=rates).trades.row(0, named=True)
        assert trade["exit_reason"] == "liquidation"
        return trade["exit_price"], trade["net_pnl"], trade["funding"]

    assert paid(0.05) == pytest.approx((95.0, -500.0, 250.0))
    # more than the margin: the liquidation price lies beyond the open
    assert paid(0.12) == pytest.approx((100.0, -500.0, 600.0))


@pytest.mark.parametrize(
    ("bars", "targets", "rules"),
    [
        # the stop at 91.8 leaves 0 after slippage
        (
            [FLAT, (100, 100, 92, 93), FLAT, FLAT],
            [1] * 4,
            Rules(Costs(0.0, 0.0, 200.0), Exits(Distance(0.09)), Sizing(10.0)),
        ),
        # an order at an open from which slippage takes the rest
        (
            [FLAT, (100, 100, 92.82, 93), (92.82, 95, 92.82, 95), FLAT],
            [1, 0, 0, 0],
            Rules(Costs(0.0, 0.0, 200.0), sizing=Sizing(10.0)),
        ),
    ],
)
def test_a_fill_that_leaves_nothing_of_the_margin_is_a_liquidation_without_slippage(
    bars: list[Ohlc | None], targets: list[float], rules: Rules
) -> None:
    result = run(bars, targets, rules)
    assert fills(result) == [(102, 92.82, "liquidation")]
    assert result.trades["net_pnl"].to_list() == pytest.approx([-1_000.0])
    assert result.bar_equity["equity"][-1] == 0.0


def test_a_ruined_account_enters_nothing_more_and_is_not_refused() -> None:
    bars: list[Ohlc | None] = [FLAT, (100, 100, 80, 90), FLAT, FLAT, FLAT]
    result = run(bars, [1, -1, 1, -1, 1], Rules(FREE, sizing=Sizing(10.0)))
    assert len(result.trades) == 1
    assert counts(result) == (0, 0, 0)
    assert result.bar_equity["equity"].to_list() == [1_000.0, 0.0, 0.0, 0.0, 0.0]


def test_after_a_liquidation_the_direction_is_blocked_and_the_cash_trades_on() -> None:
    bars: list[Ohlc | None] = [FLAT, (100, 101, 80, 90), FLAT, FLAT, FLAT]
    result = run(bars, [1, 1, 1, -1, -1], HALF)
    assert fills(result) == [(100, 90, "liquidation"), (100, 100, "open")]
    assert result.trades["quantity"].to_list() == pytest.approx([50.0, 25.0])
