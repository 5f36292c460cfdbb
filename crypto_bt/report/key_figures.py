"""The figures of one strategy in groups, each with the sentence that says what it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from crypto_bt.report.figures import DASH, count, known, money, percent, ratio


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """A name, its text, and what it means."""

    name: str
    text: str
    meaning: str


def _plain(value: object) -> str:
    return percent(value, signed=False)


def _small(value: object) -> str:
    return percent(value, digits=2)


def _days(value: object) -> str:
    return DASH if known(value) is None else f"{count(value)} days"


def _hours(value: object) -> str:
    hours = known(value)
    if hours is None:
        return DASH
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


_Group = tuple[str, tuple[tuple[str, str, Callable[[object], str], str], ...]]
#: (group, (name, column of the metrics, how it is written, what it means)); conventions are those of
#: crypto_bt.backtest.metrics: 365 days, no risk-free rate.
_GROUPS: Final[tuple[_Group, ...]] = (
    (
        "Return",
        (
            ("Net return", "net_return", percent, "After all costs, on the initial capital."),
            ("A year", "annual_return", percent, "The same growth over 365 days."),
            ("Alpha", "alpha", percent, "Of a year, what the market's moves do not explain."),
            ("Beta", "beta", ratio, "Per cent it moves with each per cent of the market."),
            ("Exposure", "exposure", _plain, "Share of the time in which a position was held."),
        ),
    ),
    (
        "Risk",
        (
            ("Volatility", "volatility", _plain, "Standard deviation of the daily returns, a year."),
            ("Max drawdown", "max_drawdown", percent, "Deepest fall from the highest equity."),
            ("Its length", "max_drawdown_days", _days, "From that high to its recovery, or the last day."),
            ("VaR 95 %", "value_at_risk_95", _small, "One day in twenty is worse than this."),
            ("CVaR 95 %", "conditional_value_at_risk_95", _small, "The mean of those worse days."),
        ),
    ),
    (
        "Return for risk",
        (
            ("Sharpe", "sharpe", ratio, "Mean over standard deviation of the daily returns, a year."),
            ("Sortino", "sortino", ratio, "The same with the losing days' deviation alone."),
            ("Calmar", "calmar", ratio, "Annual return over the deepest drawdown."),
            ("Omega", "omega", ratio, "All daily gains over all daily losses."),
            ("SQN", "sqn", ratio, "Mean trade over its deviation, by the root of their number."),
        ),
    ),
    (
        "Trades",
        (
            ("Trades", "trades", count, "Round trips; positions still open are among them."),
            ("Win rate", "win_rate", _plain, "Share of the closed trades with a gain."),
            ("Profit factor", "profit_factor", ratio, "All gains over all losses of closed trades."),
            ("Payoff", "payoff", ratio, "Mean gain over mean loss."),
            ("Expectancy", "expectancy", money, "Mean result of a trade, in quote units."),
            ("Held for", "average_holding_hours", _hours, "The mean of all closed trades."),
            ("Losses in a row", "losing_streak", count, "The longest run of losing trades."),
        ),
    ),
)


def key_figures(row: Mapping[str, Any]) -> list[tuple[str, list[KeyFigure]]]:
    """The groups of figures in ``row``, a strategy's portfolio in the night's metrics; a column that the
    night does not have is left out."""
    return [
        (
            group,
            [KeyFigure(name, write(row[column]), told) for name, column, write, told in own if column in row],
        )
        for group, own in _GROUPS
    ]


def costs(row: Mapping[str, Any], initial_capital: float | None, traded: float) -> list[KeyFigure]:
    """What trading cost: in quote units, of the capital, and of what was ``traded`` (quote, all fills)."""
    every = (
        ("Commission", "commission", "What the exchange takes of each fill."),
        ("Slippage", "slippage", "What fills at market were worse than the price they aimed at."),
        ("Funding paid", "funding", "At each settlement; negative was received."),
    )
    found = []
    for name, column, meaning in every:
        amount = known(row.get(column))
        text = money(amount)
        if amount is not None and initial_capital:
            text += f" ({percent(amount / initial_capital, signed=False, digits=2)} of the capital)"
        if amount is not None and traded and column != "funding":
            text += f", {1e4 * amount / traded:.1f} bps of the {count(traded)} traded"
        found.append(KeyFigure(name, text, meaning))
    found.append(
        KeyFigure("Liquidations", count(row.get("liquidations")), "Positions that the exchange closed.")
    )
    return found
