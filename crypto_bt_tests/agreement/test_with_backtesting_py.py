"""The engine and backtesting.py agree on every trade and on every bar's equity, on recorded candles.

Its profit factor and expectancy are of each trade's percentage, ours of money: those differ by convention.
"""

import numpy as np
import pytest

from crypto_bt.backtest import metrics, trade_metrics
from crypto_bt_tests.agreement.markets import (
    Case,
    assert_same,
    dated,
    market,
    own_answer,
    settings,
    simulated,
)
from crypto_bt_tests.agreement.peers import Arrays, ask, needs_peers
from crypto_bt_tests.recorded import needs_recorded

pytestmark = [needs_recorded, needs_peers]

SYMBOLS, WINDOW = 16, 12
CASES = [Case("no stops"), Case("stop-loss and take-profit", stop_loss=0.0417, take_profit=0.0623)]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Arrays]:
    """The answers of backtesting.py by the case's name."""
    answers = ask(
        "peer_backtesting.py",
        market(SYMBOLS, WINDOW),
        [settings(case) for case in CASES],
        tmp_path_factory.mktemp("backtesting"),
    )
    return {case.name: dated(answer, case, SYMBOLS) for case, answer in zip(CASES, answers, strict=True)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_trades_and_equity_are_those_of_backtesting_py(case: Case, theirs: dict[str, Arrays]) -> None:
    ours = own_answer(simulated(case, SYMBOLS, WINDOW), SYMBOLS)
    assert len(ours["symbol"]) > 5_000
    assert_same(ours, theirs[case.name])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_figures_of_trades_are_those_of_backtesting_py(case: Case, theirs: dict[str, Arrays]) -> None:
    answer = theirs[case.name]
    for symbol in range(SYMBOLS):
        money = answer["net_pnl"][answer["symbol"] == symbol].astype(np.float64)
        wins = metrics.win_rate(float((money > 0.0).sum()), float(len(money)))
        ours = {"win_rate_percent": wins and 100.0 * wins, "sqn": trade_metrics.system_quality(money)}
        assert ours == pytest.approx({name: answer[f"figure_{name}"][symbol] for name in ours}, rel=1e-9)
