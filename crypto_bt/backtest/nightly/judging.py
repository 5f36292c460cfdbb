"""A strategy's parameter sets held against days they were not chosen on, and against luck."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest import metrics
from crypto_bt.backtest.bootstrap_intervals import Interval, drawdown_interval, sharpe_interval
from crypto_bt.backtest.cscv import cross_validate
from crypto_bt.backtest.data_snooping import superior_to
from crypto_bt.backtest.nightly.recording import InCharge
from crypto_bt.backtest.return_matrix import Floats, matrix_returns
from crypto_bt.backtest.sharpe_inference import (
    deflated_sharpe,
    effective_trials,
    minimum_track_record,
    probabilistic_sharpe,
    sharpe_estimate,
    sharpe_variance,
)
from crypto_bt.backtest.spec import WalkForwardPlan
from crypto_bt.backtest.walk_forward import CASH, WalkForward, walk_forward, windows

#: The least days on which resampling and cross-validation say anything.
FEWEST_DAYS = 60
FEWEST_SETS = 2


@dataclass(frozen=True)
class Chosen:
    """``walk`` is None where the history is too short to test a choice on later days; ``in_charge`` then has
    the first parameter set on every day, chosen by nobody but known to the days it is shown on."""

    walk: WalkForward | None
    in_charge: InCharge
    returns: Floats

    @property
    def current(self) -> int:
        """The set in charge of the newest day: the one that today's signals are of."""
        return max(int(self.in_charge.chosen[-1]), 0)


def choose(daily: NDArray[np.float64], first_day: int, plan: WalkForwardPlan) -> Chosen:
    """Walk forward through ``daily`` equity (parameter sets, days + 1) that begins with ``first_day``."""
    days = np.arange(first_day, first_day + daily.shape[1] - 1)
    spans = windows(len(days), **asdict(plan))
    if not spans:
        returns = matrix_returns(daily[:1])[0]
        return Chosen(None, InCharge(days, np.zeros(len(days), np.int64)), returns)
    fewest = min(30, plan.train)
    walk = walk_forward(daily, days, spans, fewest_days=fewest)
    return Chosen(walk, InCharge(walk.days, walk.chosen), walk.returns)


def hold(daily: NDArray[np.float64], first_day: int, days: NDArray[np.int64]) -> Chosen:
    """The first parameter set on ``days``: what the benchmark is shown on, without a choice."""
    returns = matrix_returns(daily[:1])[0][days - first_day]
    return Chosen(None, InCharge(days, np.zeros(len(days), np.int64), carried=True), returns)


def overfitting(daily: NDArray[np.float64], chosen: Chosen, *, trials: int, seed: int) -> dict[str, Any]:
    """The statistics against luck by name, plain numbers; None where there are too few days or sets.

    Out of sample: ``probabilistic_sharpe``, ``minimum_track_record_days``, ``sharpe_low``, ``sharpe_high``,
    ``drawdown_low`` and ``drawdown_high`` (95 %). Of all sets over all days: ``deflated_sharpe`` of the best
    (over ``trials``), ``pbo``, ``reality_check_p`` and ``spa_p``, ``effective_trials``.
    """
    found: dict[str, Any] = dict.fromkeys(_NAMES)
    found["trials"] = trials
    series = chosen.returns
    if chosen.walk is not None and len(series) >= FEWEST_DAYS:
        estimate = sharpe_estimate(series)
        if estimate is not None:
            found["probabilistic_sharpe"] = probabilistic_sharpe(estimate)
            found["minimum_track_record_days"] = minimum_track_record(estimate)
        found |= _bounds("sharpe", sharpe_interval(series, seed=seed))
        found |= _bounds("drawdown", drawdown_interval(series, seed=seed))
        found["degradation"] = chosen.walk.degradation
        found["stability"] = chosen.walk.stability
    returns = matrix_returns(daily)
    if len(returns) < FEWEST_SETS or returns.shape[1] < FEWEST_DAYS or not _vary(returns):
        return found
    variance = sharpe_variance(returns)
    best = sharpe_estimate(returns[int(np.argmax(_sharpes(daily)))])
    if best is not None and variance is not None:
        found["deflated_sharpe"] = deflated_sharpe(best, trials, variance)
    found["effective_trials"] = effective_trials(returns)
    found["pbo"] = cross_validate(returns).pbo
    snooping = superior_to(returns, seed=seed)
    found |= {"reality_check_p": snooping.reality_check, "spa_p": snooping.spa_consistent}
    return found


def window_spans(walk: WalkForward) -> list[tuple[datetime, datetime]]:
    """First and last moment [start, end) of the days each window is in charge of."""
    first = int(walk.days[0])
    offset = walk.windows[0].window.in_charge.start
    return [
        (_midnight(first - offset + own.start), _midnight(first - offset + own.stop))
        for own in (result.window.in_charge for result in walk.windows)
    ]


def in_cash(chosen: Chosen) -> bool:
    """Whether no set was ever in charge."""
    return bool((chosen.in_charge.chosen == CASH).all())


_NAMES = (
    "probabilistic_sharpe", "minimum_track_record_days", "sharpe_low", "sharpe_high", "drawdown_low",
    "drawdown_high", "degradation", "stability", "deflated_sharpe", "effective_trials", "pbo",
    "reality_check_p", "spa_p",
)  # fmt: skip


def _bounds(name: str, interval: Interval | None) -> Mapping[str, float]:
    return {} if interval is None else {f"{name}_low": interval.low, f"{name}_high": interval.high}


def _vary(returns: Floats) -> bool:
    return bool((np.ptp(returns, axis=1) > 0.0).sum() >= FEWEST_SETS)


def _sharpes(daily: NDArray[np.float64]) -> Floats:
    found = [metrics.sharpe(row) for row in daily]
    return np.array([-np.inf if value is None else value for value in found])


def _midnight(day: int) -> datetime:
    return datetime.fromtimestamp(day * 86_400, UTC)
