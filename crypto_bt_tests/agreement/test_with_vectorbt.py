"""The engine and vectorbt agree on every trade and on every bar's equity, on recorded candles."""

import pytest

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

SYMBOLS, WINDOW = 30, 20
CASES = [
    Case("no stops", slippage=0.0002),
    Case("stop-loss with slippage", slippage=0.0002, stop_loss=0.0317),
    Case("take-profit as a limit order", slippage=0.0002, take_profit=0.0523),
    Case("both", stop_loss=0.0217, take_profit=0.0423),
]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Arrays]:
    """vectorbt's answers by the case's name."""
    answers = ask(
        "peer_vectorbt.py",
        market(SYMBOLS, WINDOW),
        [settings(case) for case in CASES],
        tmp_path_factory.mktemp("vectorbt"),
    )
    return {case.name: dated(answer, case, SYMBOLS) for case, answer in zip(CASES, answers, strict=True)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_trades_and_equity_are_those_of_vectorbt(case: Case, theirs: dict[str, Arrays]) -> None:
    ours = own_answer(simulated(case, SYMBOLS, WINDOW), SYMBOLS)
    assert len(ours["symbol"]) > 5_000
    assert_same(ours, theirs[case.name])
