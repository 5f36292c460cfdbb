"""What an entry is made of and what refuses it (rules 4, 9, 12, 15, 16), computed by hand."""

import pytest

from crypto_bt.backtest import Costs, Rules
from crypto_bt.backtest.contracts import Contract, Tier
from crypto_bt.backtest.rules import Distance, Exits, Sizing
from crypto_bt_tests.backtest.by_hand import FLAT, FREE, Given, counts, exits, fills, run
from crypto_bt_tests.backtest.markets import H4, START, Ohlc

FALL: Ohlc = (100.0, 101.0, 94.0, 95.0)
RISE: Ohlc = (100.0, 120.0, 99.0, 119.0)
TIERS = (Tier(0.0, 1_000.0, 0.01, 50.0), Tier(1_000.0, 10_000.0, 0.05, 10.0))


@pytest.mark.parametrize(
    ("target", "quantity"),
    [(1.0, 10.0), (0.5, 5.0), (-0.25, 2.5), (0.01, 0.1), (0.014, 0.1), (0.015, 0.2), (0.025, 0.2)],
)
def test_the_size_of_a_target_in_hundredths_is_the_weight(target: float, quantity: float) -> None:
    trade = run([FLAT, FLAT], [target, target]).trades.row(0, named=True)
    assert trade["quantity"] == pytest.approx(quantity)
    assert trade["side"] == (1 if target > 0 else -1)


@pytest.mark.parametrize("target", [0.0, 0.004, 0.005, -0.005])
def test_a_target_of_half_a_hundredth_or_less_is_flat(target: float) -> None:
    assert run([FLAT, FLAT], [target, target]).trades.is_empty()


def test_a_position_is_not_resized_while_its_sign_stays() -> None:
    result = run([FLAT] * 5, [0.5, 1.0, 0.1, -0.3, -0.3])
    assert result.trades["quantity"].to_list() == pytest.approx([5.0, 3.0])
    assert result.trades["exit_time"].to_list() == [START + 4 * H4, START + 5 * H4]


@pytest.mark.parametrize(
    ("rules", "given", "quantity"),
    [
        (Rules(FREE, Exits(Distance(0.05)), Sizing(risk_per_trade=0.02)), {}, 4.0),
        (Rules(FREE, Exits(Distance(0.01)), Sizing(risk_per_trade=0.02)), {}, 10.0),
        (Rules(FREE, Exits(Distance(0.05)), Sizing(3.0, risk_per_trade=0.1)), {"stop_price": 96.0}, 25.0),
        (Rules(FREE, sizing=Sizing(risk_per_trade=0.02)), {"stop_price": 95.0}, 4.0),
        (Rules(FREE, sizing=Sizing(3.0, leverage=2.0)), {}, 20.0),
        (Rules(Costs(100.0, 0.0, 0.0), sizing=Sizing(2.0, leverage=4.0)), {}, 20.0),
        (Rules(Costs(100.0, 0.0, 0.0), sizing=Sizing(4.0)), {}, 1_000.0 / 26.0),
    ],
)
def test_the_quantity_is_the_least_of_exposure_risk_and_what_the_cash_carries(
    rules: Rules, given: dict[str, float], quantity: float
) -> None:
    rows: Given = {name: [value] * 2 for name, value in given.items()}
    assert run([FLAT, FLAT], [1, 1], rules, given=rows).trades["quantity"].to_list() == pytest.approx(
        [quantity]
    )


def test_the_quantity_is_at_most_what_the_tier_allows_at_the_leverage() -> None:
    sizes = [
        run([FLAT, FLAT], [1, 1], Rules(FREE, sizing=sizing), contract=Contract(tiers=TIERS))
        .trades["quantity"].to_list()
        for sizing in (Sizing(20.0), Sizing(8.0), Sizing(8.0, 50.0))
    ]  # fmt: skip
    assert sizes == [[10.0], [80.0], [10.0]]


ODD: Ohlc = (100.3, 100.3, 100.3, 100.3)


@pytest.mark.parametrize(
    ("side", "bars", "rules", "expected"),
    [
        # market orders and stops to the tick against us, also without slippage
        (1, [ODD, ODD, ODD], Rules(FREE), (100.5, 100.0, "signal")),
        (-1, [ODD, ODD, ODD], Rules(FREE), (100.0, 100.5, "signal")),
        # a level to the nearest tick: 100.5 x 0.95 = 95.475, and 110.55
        (1, [ODD, ODD, (100, 100, 94, 95)], exits(stop_loss=Distance(0.05)), (100.5, 95.5, "stop")),
        (1, [ODD, ODD, (100, 120, 99, 110)], exits(take_profit=Distance(0.1)), (100.5, 110.5, "target")),
        # a limit order filled at an open as it is; a stop there with the tick against us
        (1, [ODD, ODD, (111.3,) * 4], exits(take_profit=Distance(0.1)), (100.5, 111.3, "target")),
        (1, [ODD, ODD, (94.3,) * 4], exits(stop_loss=Distance(0.05)), (100.5, 94.0, "stop")),
    ],
)
def test_prices_are_on_the_tick(
    side: float, bars: list[Ohlc | None], rules: Rules, expected: tuple[float, float, str]
) -> None:
    leaves = 0 if expected[2] == "signal" else side
    result = run(bars, [side, leaves, 0], rules, contract=Contract(tick=0.5))
    assert fills(result) == [expected]


def test_a_quantity_is_rounded_down_to_the_lot_after_all_limits() -> None:
    rules = Rules(FREE, Exits(Distance(0.037)), Sizing(risk_per_trade=0.02))
    # the stop 96.3 lies at 96.5, risk 3.5 a unit: 20 / 3.5 = 5.71 units
    result = run([FLAT, FLAT], [1, 1], rules, contract=Contract(tick=0.5, lot=0.25))
    assert result.trades["quantity"].to_list() == [5.5]


@pytest.mark.parametrize(
    ("contract", "rules", "given"),
    [
        (Contract(min_notional=1_000.5), Rules(FREE), {}),
        (Contract(min_quantity=10.5), Rules(FREE), {}),
        (Contract(lot=3.0, min_quantity=9.5), Rules(FREE), {}),
        (Contract(lot=3.0, min_notional=950.0), Rules(FREE), {}),
        (Contract(lot=11.0), Rules(FREE), {}),
        (Contract(), exits(stop_loss=Distance(atr=2.0)), {}),
        (Contract(), exits(trail_by=Distance(atr=2.0)), {"atr": [None, 1.0, 1.0, 1.0]}),
        (Contract(), Rules(FREE, sizing=Sizing(risk_per_trade=0.02)), {}),
        (Contract(tiers=TIERS), Rules(FREE, sizing=Sizing(leverage=75.0)), {}),
    ],
)
def test_an_entry_that_cannot_be_made_is_refused_once_and_blocks_its_direction(
    contract: Contract, rules: Rules, given: Given
) -> None:
    result = run([FLAT] * 4, [1] * 4, rules, contract=contract, given=given)
    assert counts(result) == (1, 0, 0)
    assert result.trades.is_empty()
    assert result.bar_equity["equity"].to_list() == [1_000.0] * 4


def test_an_entry_whose_fill_is_rounded_to_zero_is_refused() -> None:
    assert counts(run([FLAT, FLAT], [-1, -1], contract=Contract(tick=1_000.0))) == (1, 0, 0)


@pytest.mark.parametrize(
    "contract",
    [Contract(min_notional=1_000.0), Contract(min_quantity=10.0), Contract(lot=10.0), Contract(lot=0.1)],
)
def test_an_entry_exactly_at_the_smallest_size_is_made(contract: Contract) -> None:
    assert run([FLAT, FLAT], [1, 1], contract=contract).trades["quantity"].to_list() == pytest.approx([10.0])


@pytest.mark.parametrize(
    ("rules", "given", "bar", "expected"),
    [
        (Rules(FREE), {"stop_price": 97.0}, FALL, (100, 97, "stop")),
        (exits(stop_loss=Distance(0.05)), {"stop_price": 97.0}, FALL, (100, 97, "stop")),
        (exits(stop_loss=Distance(0.01)), {"stop_price": 97.0}, FALL, (100, 99, "stop")),
        (Rules(FREE), {"target_price": 103.0}, RISE, (100, 103, "target")),
        (exits(take_profit=Distance(0.1)), {"target_price": 103.0}, RISE, (100, 103, "target")),
        (exits(take_profit=Distance(0.01)), {"target_price": 103.0}, RISE, (100, 101, "target")),
    ],
)
def test_the_nearer_of_the_strategys_level_and_the_rules_counts(
    rules: Rules, given: dict[str, float], bar: Ohlc, expected: tuple[float, float, str]
) -> None:
    """Only the level of the bar of the target: those of later bars are not looked at."""
    rows: Given = {name: [value, 50.0, 50.0, 50.0] for name, value in given.items()}
    assert fills(run([FLAT, FLAT, bar, FLAT], [1] * 4, rules, given=rows)) == [expected]


@pytest.mark.parametrize(
    ("side", "given", "tick"),
    [
        (1, {"stop_price": 100.0}, 0.0),
        (1, {"stop_price": 101.0}, 0.0),
        (-1, {"stop_price": 99.0}, 0.0),
        (1, {"stop_price": 99.8}, 0.5),
        (1, {"target_price": 100.0}, 0.0),
        (1, {"target_price": 99.0}, 0.0),
        (-1, {"target_price": 101.0}, 0.0),
        (-1, {"target_price": 99.8}, 0.5),
    ],
)
def test_a_level_on_the_wrong_side_of_the_entry_refuses_it_and_blocks_the_direction(
    side: float, given: dict[str, float], tick: float
) -> None:
    rows: Given = {name: [value, *[None] * 5] for name, value in given.items()}
    result = run([FLAT] * 6, [side, side, side, 0, side, side], given=rows, contract=Contract(tick=tick))
    assert counts(result) == (1, 0, 0)
    assert result.trades["entry_time"].to_list() == [START + 5 * H4]
