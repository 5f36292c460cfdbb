"""Walk-forward: choose the parameters on the past, score them on the days after it, and move on.

Works on the matrix of daily equity by parameter set, not on repeated simulation. A set's equity runs through
all windows, so in the matrix changing from one set to another costs nothing and hands over positions that the
other never entered; ``switch_cost`` charges for it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest import metrics
from crypto_bt.backtest.return_matrix import NO_VARIATION, Floats, checked_matrix, matrix_returns
from crypto_bt.core.errors import BacktestError

Days = NDArray[np.int64]
#: From daily returns (sets, days) to one score a set (sets,), the higher the better; NaN: this set has none.
Score = Callable[[Floats], Floats]

#: In place of a parameter set: none had a score, and the day is spent in cash.
CASH: Final = -1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Window:
    """One training span and the test after it, as day numbers from 0.

    ``train``: one range or more (the embargo cuts holes), ascending. ``test``: the days scored.
    ``in_charge``: those of the test that no later window tests. ``whole``: the test was not cut short by the
    end of the history.
    """

    train: tuple[range, ...]
    test: range
    in_charge: range
    whole: bool

    @property
    def train_days(self) -> Days:
        """The numbers of the days trained on, ascending."""
        return np.concatenate([np.arange(part.start, part.stop) for part in self.train])


@dataclass(frozen=True, slots=True)
class WindowResult:
    """What was chosen in a window, and how it did. Sharpe ratios by :func:`metrics.sharpe`'s convention
    (x sqrt(365)), over all days of the training and of the test; None where undefined."""

    window: Window
    chosen: int | None
    in_sample_sharpe: float | None
    out_of_sample_sharpe: float | None


@dataclass(frozen=True, slots=True)
class WalkForward:
    """The stitched out-of-sample record: each day once, by the set of the window in charge of it.

    ``days``: UTC days since 1970 (n,). ``returns``: simple daily returns (n,), after ``switch_cost``.
    ``chosen``: row of the matrix in charge (n,), or :data:`CASH`. ``windows``: in order of time.
    """

    windows: tuple[WindowResult, ...]
    days: Days
    returns: Floats
    chosen: Days

    @property
    def dates(self) -> list[date]:
        """The days as dates."""
        return [_midnight(int(day)).date() for day in self.days]

    @property
    def spans(self) -> list[tuple[datetime, datetime]]:
        """From when until when (exclusive, UTC midnights) each window is in charge, in their order."""
        before = int(self.days[0]) - self.windows[0].window.in_charge.start
        edges = [result.window.in_charge for result in self.windows]
        return [(_midnight(before + edge.start), _midnight(before + edge.stop)) for edge in edges]

    @property
    def equity(self) -> Floats:
        """The record as marks (n + 1,) that begin with 1.0, for :mod:`crypto_bt.backtest.metrics`."""
        return np.cumprod(np.append(1.0, 1.0 + self.returns))

    @property
    def switches(self) -> int:
        """How often the set in charge was another one than the day before."""
        return int(np.count_nonzero(np.diff(self.chosen)))

    @property
    def stability(self) -> float | None:
        """Share of the windows that chose the set of the window before; None below two windows. Low: the
        training finds noise, or the sets are near copies of one another."""
        sets = [result.chosen for result in self.windows]
        pairs = list(pairwise(sets))
        return sum(one == other for one, other in pairs) / len(pairs) if pairs else None

    @property
    def degradation(self) -> float | None:
        """How much Sharpe ratio the choice lost outside its training: mean in-sample minus mean
        out-of-sample, over the windows with a whole test and both figures; None without one."""
        means = self._mean_sharpes()
        return means[0] - means[1] if means else None

    @property
    def efficiency(self) -> float | None:
        """Share of the in-sample Sharpe ratio that was kept: mean out-of-sample over mean in-sample, over the
        windows of :attr:`degradation` (the walk-forward efficiency of Pardo 2008, in Sharpe ratios in place
        of returns). None unless the mean in-sample one is above 0."""
        means = self._mean_sharpes()
        return means[1] / means[0] if means and means[0] > 0.0 else None

    def _mean_sharpes(self) -> tuple[float, float] | None:
        both = [
            (result.in_sample_sharpe, result.out_of_sample_sharpe)
            for result in self.windows
            if result.window.whole
            and result.in_sample_sharpe is not None
            and result.out_of_sample_sharpe is not None
        ]
        if not both:
            return None
        return sum(one for one, _ in both) / len(both), sum(other for _, other in both) / len(both)


def windows(
    days: int,
    *,
    train: int = 90,
    test: int = 30,
    step: int = 15,
    anchored: bool = False,
    purge: int = 1,
    embargo: int = 0,
    longest_memory: float = 0.0,
) -> tuple[Window, ...]:
    """The windows over a history of ``days`` days, the oldest first; all lengths in days.

    Each trains on ``train`` days (``anchored``: on all days from the first on, at least ``train``) and tests
    on the ``test`` days after a purge; the next one lies ``step`` days later. The last tests are cut at the
    end of the history, so that the newest day is always scored. Where tests overlap, a day belongs to the
    most recent window that tests it: the one trained on the newest data, as a desk would have traded it.

    The purge (Lopez de Prado 2018, 7.4.1) leaves out the days between training and test whose results reach
    into the test: ``purge``, or ``longest_memory`` (the longest holding time or look-back) rounded up where
    that is more. The ``embargo`` (7.4.2) keeps the days right after the end of a window's test out of every
    later training. Its aim is training *after* a test, which within one window never happens here, so it is 0
    by default; set, it keeps later choices apart from what followed a test.

    No window where the history is too short. Raises BacktestError for lengths that make no sense, among them
    a step longer than the test (days would be scored by no window) or an embargo as long as the step (nothing
    would be left to train on).
    """
    lengths = f"train {train}, test {test}, step {step}, purge {purge}, embargo {embargo}"
    if min(train, test, step) < 1 or min(purge, embargo) < 0 or not 0.0 <= longest_memory < math.inf:
        raise BacktestError(
            f"A walk-forward with {lengths}, longest memory {longest_memory} (days).",
            "Give a train, test and step of 1 or more, all others of 0 or more.",
        )
    if step > test or embargo >= step:
        raise BacktestError(
            f"A walk-forward with {lengths} (days).",
            "The step must not be longer than the test, and must be longer than the embargo.",
        )
    gap = max(purge, math.ceil(longest_memory))
    starts = range(train + gap, days, step)
    made: list[Window] = []
    for start in starts:
        end = start - gap
        first = 0 if anchored else end - train
        tested = (earlier + test for earlier in starts if earlier < start)
        barred = [(over, over + embargo) for over in tested if embargo]
        made.append(
            Window(
                train=_without(first, end, barred),
                test=range(start, min(start + test, days)),
                in_charge=range(start, min(start + step, days)),
                whole=start + test <= days,
            )
        )
    return tuple(made)


def sharpe_score(returns: Floats) -> Floats:
    """Annual Sharpe ratio (sets,) of daily returns (sets, days), by :func:`metrics.sharpe`'s convention."""
    deviation = returns.std(axis=1, ddof=1)
    scores = np.full(len(returns), np.nan)
    np.divide(returns.mean(axis=1), deviation, out=scores, where=deviation > NO_VARIATION)
    return scores * math.sqrt(metrics.DAYS_PER_YEAR)


def walk_forward(
    equity: Floats,
    days: Days,
    plan: tuple[Window, ...],
    *,
    score: Score = sharpe_score,
    fewest_days: int = 30,
    switch_cost: float = 0.0,
) -> WalkForward:
    """Choose in each window of ``plan`` the set that scores best in training, and stitch its test returns.

    ``equity``: daily marks (sets, days + 1), the first column the start. ``days``: UTC days since 1970
    (days,), one after the other. ``plan``: from :func:`windows`. Ties go to the lowest row; where no set has
    a score, nothing is traded until the next window. ``switch_cost``: share of the equity lost on a day whose
    set is not that of the day before (the first day counts, from cash); as the matrix charges nothing for a
    switch, a round trip's costs times the exposure is an honest figure.

    Raises BacktestError without a window, for a training on fewer than ``fewest_days`` (at least 2) days, for
    shapes that do not fit, or a switch cost outside [0, 1).
    """
    returns = checked_matrix(matrix_returns(equity))
    _check(returns, days, plan, max(2, fewest_days), switch_cost)
    results: list[WindowResult] = []
    stitched, chosen = np.empty(returns.shape[1]), np.full(returns.shape[1], CASH)
    for window in plan:
        training = returns[:, window.train_days]
        best = _best(score(training))
        span = slice(window.in_charge.start, window.in_charge.stop)
        stitched[span] = 0.0 if best is None else returns[best, span]
        chosen[span] = CASH if best is None else best
        tested = None if best is None else returns[best, window.test.start : window.test.stop]
        trained = None if best is None else training[best]
        results.append(WindowResult(window, best, _sharpe(trained), _sharpe(tested)))
    scored = slice(plan[0].in_charge.start, plan[-1].in_charge.stop)
    in_charge = chosen[scored]
    switched = np.diff(in_charge, prepend=CASH) != 0
    record = np.where(switched, (1.0 + stitched[scored]) * (1.0 - switch_cost) - 1.0, stitched[scored])
    return WalkForward(tuple(results), days[scored].copy(), record, in_charge)


def _midnight(day: int) -> datetime:
    return _EPOCH + timedelta(days=day)


def _without(first: int, end: int, barred: list[tuple[int, int]]) -> tuple[range, ...]:
    """The days from ``first`` to ``end`` outside the spans ``barred`` (ascending, apart from each other)."""
    kept: list[range] = []
    for start, stop in barred:
        if first < min(start, end):
            kept.append(range(first, min(start, end)))
        first = max(first, stop)
    if first < end:
        kept.append(range(first, end))
    return tuple(kept)


def _best(scores: Floats) -> int | None:
    ranked = np.where(np.isnan(scores), -np.inf, scores)
    best = int(ranked.argmax())
    return best if ranked[best] > -np.inf else None


def _sharpe(returns: Floats | None) -> float | None:
    if returns is None or len(returns) < 2:
        return None
    value = float(sharpe_score(returns[np.newaxis])[0])
    return None if math.isnan(value) else value


def _check(
    returns: Floats, days: Days, plan: tuple[Window, ...], fewest_days: int, switch_cost: float
) -> None:
    if len(days) != returns.shape[1] or np.any(np.diff(days) != 1):
        raise BacktestError(
            f"{returns.shape[1]} daily returns come with {len(days)} days, or the days are not consecutive.",
            "Give one day for each column after the start, each the day after the one before.",
        )
    if not plan or plan[-1].test.stop > len(days):
        raise BacktestError(
            f"A history of {len(days)} days does not hold the {len(plan)} windows of the walk-forward.",
            "Make the windows for this history's length; where there are none, it is too short: load more.",
        )
    fewest = min(len(window.train_days) if window.train else 0 for window in plan)
    if fewest < fewest_days:
        raise BacktestError(
            f"A window trains on {fewest} days, needed: {fewest_days} or more.",
            "Train longer, or make the embargo shorter.",
        )
    if not 0.0 <= switch_cost < 1.0:
        raise BacktestError(f"The switch cost is {switch_cost}.", "Give a share of the equity below 1.")
