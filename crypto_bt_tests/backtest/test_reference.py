"""The slow simulator against cases computed by hand."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from crypto_bt.backtest.contracts import Contract, Tier
from crypto_bt.backtest.rules import Costs, Distance, Exits, Rules, Sizing
from crypto_bt_tests.backtest.markets import H4, START
from crypto_bt_tests.backtest.reference import Account
from crypto_bt_tests.backtest.reference_margin import liquidation_price, maintenance
from crypto_bt_tests.backtest.reference_parts import Candle, Settlement, Wish

FREE = Costs(0.0, 0.0, 0.0)
TIERS = (Tier(0.0, 1_000.0, 0.01, 50.0), Tier(1_000.0, 10_000.0, 0.05, 10.0))
Bar = tuple[float, float, float, float]
QUIET = (100.0, 100.0, 100.0, 100.0)


def account(
    bars: Sequence[Bar | None],
    wishes: Sequence[float | Wish],
    rules: Rules,
    *,
    contract: Contract | None = None,
    finer: Sequence[Bar] = (),
    funding: Sequence[tuple[int, timedelta, float]] = (),
    volume: float = 100.0,
) -> Account:
    """Capital 1,000; ``finer`` covers bar 1; ``funding``: bar, time in it, rate at a mark price of 100."""
    line = []
    for index, bar in enumerate(bars):
        if bar is not None:
            wish = wishes[index] if index < len(wishes) else wishes[-1]
            line.append(
                Candle(
                    START + H4 * index, *bar, volume, bar[1], bar[2],
                    wish=wish if isinstance(wish, Wish) else Wish(wish),
                    settlements=[
                        Settlement(START + H4 * index + at, 100.0, rate)
                        for number, at, rate in funding if number == index
                    ],
                    finer=[
                        Candle(START + H4 + timedelta(hours=hour), *one, 0.0, one[1], one[2])
                        for hour, one in enumerate(finer)
                    ] if index == 1 else [],
                )
            )  # fmt: skip
    found = Account(rules, contract or Contract(), 1_000.0, H4)
    found.run(line)
    return found


def only(found: Account) -> tuple[float, float, str]:
    """Exit price, net result and reason of the first trade."""
    trade = found.trades[0]
    return round(trade.exit_price, 9), round(trade.net_pnl, 9), trade.exit_reason


def exits(**given: object) -> Rules:
    return Rules(FREE, Exits(**given))  # type: ignore[arg-type]


def test_a_market_order_pays_slippage_of_all_three_kinds_and_taker_commission() -> None:
    # 5 wanted at the open of a volume of 20: 0.5 * 0.02 for impact; a range of 4 % of the open: 0.25 * 0.04
    costs = Costs(10.0, 0.0, 100.0, range_share=0.25, impact=0.02)
    rules = Rules(costs, sizing=Sizing(exposure=0.5))
    found = account([QUIET, (100.0, 102.0, 98.0, 100.0)], [1.0], rules, volume=20.0)
    trade = found.trades[0]
    assert trade.entry_price == pytest.approx(103.0)
    assert trade.quantity == pytest.approx(500.0 / 103.0)
    assert trade.commission == pytest.approx(0.5)
    assert trade.slippage == pytest.approx(trade.quantity * 3.0)
    assert found.equity[-1] == pytest.approx(1_000.0 + trade.net_pnl)


def test_a_stop_and_a_target_in_one_bar_count_as_the_stop() -> None:
    rules = exits(stop_loss=Distance(0.02), take_profit=Distance(0.03))
    found = account([QUIET, (100.0, 104.0, 97.0, 103.0)], [1.0], rules)
    assert only(found) == (98.0, -20.0, "stop")
    assert (found.decided_by_stop, found.decided_finer) == (1, 0)


@pytest.mark.parametrize(
    ("finer", "expected"),
    [
        ([QUIET, (100, 104, 100, 102), (102, 102, 97, 97), (97, 103, 97, 103)], (103.0, 30.0, "target")),
        ([QUIET, (100, 101, 97, 99), (99, 104, 99, 104), (104, 104, 103, 103)], (98.0, -20.0, "stop")),
        ([QUIET, QUIET, (97, 104, 97, 104), (103, 103, 103, 103)], (97.0, -30.0, "stop")),
        ([QUIET, QUIET, (104, 104, 97, 97), (97, 103, 97, 103)], (104.0, 40.0, "target")),
    ],
)
def test_finer_candles_tell_which_came_first(finer: list[Bar], expected: tuple[float, float, str]) -> None:
    rules = exits(stop_loss=Distance(0.02), take_profit=Distance(0.03))
    found = account([QUIET, (100.0, 104.0, 97.0, 103.0)], [1.0], rules, finer=finer)
    assert only(found) == expected
    assert (found.decided_by_stop, found.decided_finer) == (0, 1)


@pytest.mark.parametrize(
    ("finer", "expected"),
    [
        ([QUIET, (100, 111, 100, 105), (105, 105, 89, 90), QUIET], (110.0, 1_000.0, "target")),
        ([QUIET, (100, 101, 89, 99), (99, 111, 99, 105), QUIET], (90.0, -1_000.0, "liquidation")),
    ],
)
def test_finer_candles_tell_whether_liquidation_or_target_came_first(
    finer: list[Bar], expected: tuple[float, float, str]
) -> None:
    rules = Rules(FREE, Exits(take_profit=Distance(0.1)), Sizing(exposure=10.0))
    bars = [QUIET, (100.0, 111.0, 89.0, 100.0)]
    found = account(bars, [1.0], rules, finer=finer)
    assert only(found) == expected
    assert (found.decided_by_stop, found.decided_finer) == (0, 1)
    alone = account(bars, [1.0], rules)
    assert only(alone) == (90.0, -1_000.0, "liquidation")
    assert (alone.decided_by_stop, alone.decided_finer) == (1, 0)


def test_an_open_beyond_a_level_is_the_fill() -> None:
    rules = exits(stop_loss=Distance(0.02), take_profit=Distance(0.03))
    below = account([QUIET, QUIET, (95.0, 99.0, 94.0, 98.0)], [1.0], rules)
    above = account([QUIET, QUIET, (105.0, 106.0, 94.0, 98.0)], [1.0], rules)
    assert only(below) == (95.0, -50.0, "stop")
    assert only(above) == (105.0, 50.0, "target")
    assert above.trades[0].exit_time == START + 2 * H4


def test_a_direction_that_was_stopped_waits_for_another_sign() -> None:
    rules = exits(stop_loss=Distance(0.02))
    fall = (100.0, 100.0, 97.0, 100.0)
    stays = account([QUIET, fall, QUIET, QUIET], [1.0], rules)
    turns = account([QUIET, fall, QUIET, QUIET, QUIET], [1.0, 1.0, 0.0, 1.0], rules)
    assert len(stays.trades) == 1
    assert [trade.exit_reason for trade in turns.trades] == ["stop", "open"]
    assert turns.trades[1].entry_time == START + 4 * H4


def test_trailing_moves_the_stop_for_the_next_bar_only() -> None:
    rules = exits(trail_after=Distance(0.05), trail_by=Distance(0.02))
    rises = [QUIET, (100.0, 110.0, 99.0, 109.0), (109.0, 109.5, 107.0, 108.0)]
    assert only(account(rises, [1.0], rules)) == (107.8, 78.0, "stop")
    assert only(account([*rises[:1], (100.0, 104.9, 99.0, 104.0), QUIET], [1.0], rules))[2] == "open"


def test_trailing_without_an_activation_begins_on_the_bar_after_the_entry() -> None:
    rules = exits(trail_by=Distance(0.02))
    found = account([QUIET, (100.0, 100.0, 97.0, 99.0), (99.0, 99.0, 97.5, 98.0)], [1.0], rules)
    assert only(found) == (98.0, -20.0, "stop")
    assert found.trades[0].exit_time == START + 3 * H4


def test_break_even_puts_the_stop_beyond_the_entry() -> None:
    rules = exits(stop_loss=Distance(0.1), break_even_after=Distance(0.02), break_even_offset=0.001)
    found = account([QUIET, (100.0, 100.5, 97.5, 98.0), (98.0, 101.0, 98.0, 101.0)], [-1.0], rules)
    assert only(found) == (99.9, 1.0, "stop")


def test_scale_out_and_time_stop_make_one_trade() -> None:
    rules = Rules(
        Costs(10.0, 5.0, 0.0), Exits(scale_out_at=Distance(0.01), scale_out_share=0.25, time_stop=2)
    )
    bars = [QUIET, (100.0, 102.0, 100.0, 102.0), (102.0, 102.0, 102.0, 102.0), (104.0, 104.0, 104.0, 104.0)]
    found = account(bars, [1.0], rules)
    trade = found.trades[0]
    quantity = 10.0 / 1.001
    assert trade.exit_price == pytest.approx(0.25 * 101.0 + 0.75 * 104.0)
    assert trade.commission == pytest.approx(quantity * (0.1 + 0.25 * 101.0 * 0.0005 + 0.75 * 104.0 * 0.001))
    assert (trade.exit_reason, trade.exit_time) == ("time", START + 3 * H4)
    assert found.equity[-1] == pytest.approx(1_000.0 + trade.net_pnl)


def test_risk_limits_the_quantity_and_the_filters_round_it() -> None:
    rules = Rules(FREE, Exits(stop_loss=Distance(0.037)), Sizing(risk_per_trade=0.02))
    found = account([QUIET, QUIET], [1.0], rules, contract=Contract(tick=0.5, lot=0.25))
    # the stop 96.3 lies at 96.5, risk 3.5 a unit: 20 / 3.5 = 5.71 units
    assert found.trades[0].quantity == 5.5


@pytest.mark.parametrize(
    ("contract", "wish", "rules"),
    [
        (Contract(min_notional=1_001.0), Wish(1.0), Rules(FREE)),
        (Contract(min_quantity=11.0), Wish(1.0), Rules(FREE)),
        (Contract(), Wish(1.0, stop_price=100.5), Rules(FREE)),
        (Contract(), Wish(1.0, target_price=100.0), Rules(FREE)),
        (Contract(), Wish(1.0), Rules(FREE, Exits(stop_loss=Distance(atr=2.0)))),
        (Contract(tiers=TIERS), Wish(1.0), Rules(FREE, sizing=Sizing(leverage=75.0))),
    ],
)
def test_an_entry_that_cannot_be_made_is_refused_once(contract: Contract, wish: Wish, rules: Rules) -> None:
    found = account([QUIET] * 4, [wish], rules, contract=contract)
    assert (found.trades, found.refused, found.equity) == ([], 1, [1_000.0] * 4)


def test_the_tier_limits_the_notional() -> None:
    rules = Rules(FREE, sizing=Sizing(exposure=20.0))
    assert account([QUIET, QUIET], [1.0], rules, contract=Contract(tiers=TIERS)).trades[0].quantity == 10.0


@pytest.mark.parametrize("side", [1, -1])
def test_at_the_liquidation_price_margin_and_maintenance_are_equal(side: int) -> None:
    for margin in (5.0, 60.0, 240.0):
        price = liquidation_price(TIERS, margin, side, 12.0, 100.0)
        assert price is not None
        assert margin + side * 12.0 * (price - 100.0) == pytest.approx(maintenance(TIERS, 12.0 * price))


def test_maintenance_is_continuous_at_a_tiers_floor() -> None:
    assert maintenance(TIERS, 999.999999) == pytest.approx(maintenance(TIERS, 1_000.0))
    assert maintenance(TIERS, 2_000.0) == pytest.approx(10.0 + 1_000.0 * 0.05)


def test_a_liquidation_takes_the_margin_and_leaves_the_cash() -> None:
    contract = Contract(tiers=(Tier(0.0, 1e9, 0.01, 50.0),), liquidation_fee=0.005)
    rules = Rules(FREE, sizing=Sizing(exposure=5.0, leverage=10.0))
    found = account([QUIET, (100.0, 101.0, 80.0, 90.0)], [1.0], rules, contract=contract)
    price = (500.0 - 5_000.0) / (50.0 * 0.01 - 50.0)
    fee = 0.005 * 50.0 * price
    assert only(found) == (round(price, 9), round(50.0 * (price - 100.0) - fee, 9), "liquidation")
    assert found.equity[-1] == pytest.approx(500.0 + 0.01 * 50.0 * price - fee)


def test_an_open_beyond_the_liquidation_price_costs_no_more_than_the_margin() -> None:
    rules = Rules(FREE, sizing=Sizing(exposure=5.0, leverage=10.0))
    found = account([QUIET, QUIET, (50.0, 60.0, 40.0, 50.0)], [1.0], rules)
    assert only(found) == (50.0, -500.0, "liquidation")
    assert found.equity[-1] == 500.0


def test_an_exit_that_leaves_nothing_of_the_margin_is_a_liquidation_without_slippage() -> None:
    """The fill 92.82 x 0.98 lies beyond 91.8, where the margin of the entry at 102 is lost."""
    rules = Rules(Costs(0.0, 0.0, 200.0), Exits(stop_loss=Distance(0.09)), Sizing(exposure=10.0))
    found = account([QUIET, (100.0, 100.0, 92.0, 93.0), QUIET, QUIET], [1.0, 1.0, -1.0], rules)
    assert only(found) == (92.82, -1_000.0, "liquidation")
    assert (len(found.trades), found.refused, found.equity[-1]) == (1, 0, 0.0)


def test_funding_moves_the_liquidation_price_within_its_bar() -> None:
    rules = Rules(FREE, sizing=Sizing(exposure=5.0, leverage=10.0))
    hour = timedelta(hours=1)
    bars = [QUIET, (100.0, 100.0, 94.0, 95.0)]
    assert only(account(bars, [1.0], rules))[2] == "open"
    paid = account(bars, [1.0], rules, funding=[(1, hour, 0.05)])
    assert only(paid) == (95.0, -500.0, "liquidation")
    assert paid.trades[0].funding == 250.0
    beyond = account(bars, [1.0], rules, funding=[(1, hour, 0.12)])
    assert only(beyond) == (100.0, -500.0, "liquidation")


def test_funding_at_an_open_is_paid_by_what_was_carried_into_the_bar() -> None:
    nothing = timedelta(0)
    found = account(
        [QUIET] * 4, [1.0, 1.0, -1.0], Rules(FREE), funding=[(1, nothing, 0.01), (3, nothing, 0.01)]
    )
    assert [trade.funding for trade in found.trades] == [10.0, 0.0]
    assert [trade.side for trade in found.trades] == [1, -1]


def test_a_gap_closes_at_the_last_price_before_it() -> None:
    rules = Rules(Costs(0.0, 0.0, 100.0))
    found = account([QUIET, (100.0, 104.0, 100.0, 104.0), None, QUIET, QUIET], [-1.0], rules)
    assert only(found)[0] == round(104.0 * 1.01, 9)
    assert [trade.exit_reason for trade in found.trades] == ["gap", "open"]
    assert found.trades[0].exit_time == START + 2 * H4
    assert found.trades[1].entry_time == START + 4 * H4
