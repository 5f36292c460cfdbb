"""Run by the peers' Python: the metrics of empyrical-reloaded, with our conventions asked for.

Asked: daily returns, 365 days a year, no risk-free rate, a daily threshold of 0.
"""

from collections.abc import Mapping

import empyrical
import numpy as np
import pandas as pd
from peer_answer import answer

DAYS = 365


def figures(question: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Each figure of the daily ``returns`` from the date ``first`` on; alpha and beta against ``market``."""
    returns, market = question["returns"], question["market"]
    dated = pd.Series(returns, pd.date_range(str(question["first"]), periods=len(returns)))
    alpha, beta = empyrical.alpha_beta_aligned(returns, market, annualization=DAYS)
    found = {
        "net_return": empyrical.cum_returns_final(returns),
        "annual_return": empyrical.annual_return(returns, annualization=DAYS),
        "volatility": empyrical.annual_volatility(returns, annualization=DAYS),
        "sharpe": empyrical.sharpe_ratio(returns, annualization=DAYS),
        "sortino": empyrical.sortino_ratio(returns, annualization=DAYS),
        "calmar": empyrical.calmar_ratio(returns, annualization=DAYS),
        "omega": empyrical.omega_ratio(returns, annualization=DAYS),
        "max_drawdown": empyrical.max_drawdown(returns),
        "value_at_risk_95": empyrical.value_at_risk(returns),
        "conditional_value_at_risk_95": empyrical.conditional_value_at_risk(returns),
        "alpha": alpha,
        "beta": beta,
        "months": empyrical.aggregate_returns(dated, "monthly"),
    }
    return {name: np.asarray(value, dtype=np.float64) for name, value in found.items()}


if __name__ == "__main__":
    answer(figures)
