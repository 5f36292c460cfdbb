"""The metrics are those of empyrical-reloaded, on the accounts of a recorded market and on random curves.

Where conventions differ: empyrical has 252 days a year unless told 365; where ours is None it gives infinity
or NaN; its Sharpe ratio is of excess returns (ours has the risk-free rate 0).
"""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from crypto_bt.backtest.market_factor import alpha, beta, market_marks
from crypto_bt.backtest.metrics import daily_returns, return_figures
from crypto_bt.backtest.monthly import monthly_returns
from crypto_bt_tests.agreement.markets import Case, candles, simulated
from crypto_bt_tests.agreement.peers import Arrays, ask, needs_peers
from crypto_bt_tests.recorded import needs_recorded

FIRST = datetime(2024, 2, 20, tzinfo=UTC)
Curves = list[tuple[NDArray[np.float64], NDArray[np.float64]]]
ALONE = ("max_drawdown_days", "longest_drawdown_days")


def random_curves() -> Curves:
    """Random curves and markets of 2 to 900 days, with fat tails and flat days."""
    curves = []
    for days in (2, 3, 21, 365, 900):
        for seed in range(4):
            rng = np.random.default_rng([days, seed])
            steps = np.maximum(rng.standard_t(3, (2, days)) * 0.02, -0.9) * (rng.random((2, days)) > 0.1)
            both = np.cumprod(np.hstack([np.ones((2, 1)), 1.0 + steps]), axis=1)
            curves.append((both[0] * 1e4, both[1] * 64_000.0))
    return curves


def recorded_curves() -> Curves:
    """The accounts of 30 symbols, and all together, beside BTCUSDT."""
    daily = simulated(Case("stops", stop_loss=0.0417, take_profit=0.0623), 30, 20).daily
    marks = market_marks(candles(47), daily.end_ms)
    accounts = [np.ascontiguousarray(daily.accounts[:, symbol]) for symbol in range(30)]
    return [(curve, marks) for curve in (daily.portfolio, *accounts)]


def assert_same_figures(curves: Curves, theirs: list[Arrays]) -> None:
    """Each figure is the same to 1e-9, and None where theirs is not a number."""
    for (curve, market), answer in zip(curves, theirs, strict=True):
        midnights = pl.datetime_range(FIRST, FIRST + timedelta(len(curve) - 1), "1d", eager=True)
        months = monthly_returns(pl.DataFrame({"time": midnights, "equity": curve}))
        assert months["return"].to_list() == pytest.approx(answer.pop("months").tolist(), rel=1e-9, abs=1e-12)
        ours = {**return_figures(curve), "alpha": alpha(curve, market), "beta": beta(curve, market)}
        assert ours.keys() - set(ALONE) == answer.keys()
        for name, value in answer.items():
            if not np.isfinite(value):
                assert ours[name] is None, name
            else:
                assert ours[name] == pytest.approx(float(value), rel=1e-9, abs=1e-12), name


def asked(curves: Curves) -> list[dict[str, object]]:
    """The daily returns of each curve and its market."""
    return [
        {"returns": daily_returns(curve), "market": daily_returns(market), "first": f"{FIRST:%Y-%m-%d}"}
        for curve, market in curves
    ]


@needs_peers
def test_figures_of_random_curves_are_those_of_empyrical(tmp_path_factory: pytest.TempPathFactory) -> None:
    curves = random_curves()
    assert_same_figures(
        curves, ask("peer_empyrical.py", {}, asked(curves), tmp_path_factory.mktemp("empyrical"))
    )


@needs_peers
@needs_recorded
def test_figures_of_recorded_accounts_are_those_of_empyrical(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    curves = recorded_curves()
    assert len(curves[0][0]) == 641
    assert all(np.isfinite(market).all() for _, market in curves)
    assert_same_figures(
        curves, ask("peer_empyrical.py", {}, asked(curves), tmp_path_factory.mktemp("empyrical"))
    )
