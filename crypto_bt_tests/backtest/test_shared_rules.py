"""The settings of a portfolio with shared capital, and what they refuse."""

import pytest

from crypto_bt.backtest.portfolio_rules import PortfolioRules
from crypto_bt.backtest.rules import Rules, Sizing
from crypto_bt.backtest.shared_capital import simulate_shared
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.reference_shared_campaign import lively_market


def test_rules_that_do_not_fit_the_portfolio_are_errors() -> None:
    market = lively_market(1)
    for given, message in (
        ({"rules": Rules(sizing=Sizing(leverage=20.0))}, "leverage 20, the portfolio allows 10"),
        ({"rules": Rules(sizing=Sizing(risk_per_trade=0.01))}, r"risk_per_trade 0\.01"),
        ({"initial_capital": 0.0}, "initial capital is 0"),
    ):
        with pytest.raises(BacktestError, match=message):
            simulate_shared(market.candles, market.targets, timeframe=Timeframe.H4, **given)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("risk_per_trade", 0.0), ("total_risk", 1.1), ("max_asset_share", -1.0), ("max_positions", 0),
        ("max_leverage", 0.5), ("max_leverage", 126.0), ("max_correlation", 1.5),
        ("target_volatility", float("nan")), ("daily_drawdown", 0.0), ("total_drawdown", 2.0),
        ("wait_hours", -1.0), ("wait_hours", float("inf")),
    ],
)  # fmt: skip
def test_a_setting_out_of_its_range_is_an_error_that_names_it(name: str, value: float) -> None:
    with pytest.raises(BacktestError, match=f"{name} of the portfolio is {value}"):
        PortfolioRules(**{name: value})  # type: ignore[arg-type]


def test_the_defaults_are_the_desks_own() -> None:
    desk = PortfolioRules()
    assert (desk.risk_per_trade, desk.total_risk, desk.max_asset_share) == (0.02, 0.06, 0.4)
    assert (desk.max_leverage, desk.daily_drawdown, desk.total_drawdown) == (10.0, 0.05, 0.15)
    assert desk.wait_hours == 24.0
