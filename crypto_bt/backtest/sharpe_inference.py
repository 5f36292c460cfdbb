"""How far a Sharpe ratio can be trusted: its error, its luck, and the luck of having searched for it.

Sharpe ratios here are by day, not annualised (annual = daily x sqrt(365)), because the formulas count
observations. They assume that days are independent; :mod:`crypto_bt.backtest.bootstrap_intervals` does not.
The first sentence of each docstring says what the figure means to a reader who is no statistician.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from crypto_bt.backtest.return_matrix import NO_VARIATION, Floats, checked_matrix, checked_series
from crypto_bt.core.errors import BacktestError

_NORMAL: Final = NormalDist()
_EULER_MASCHERONI: Final = 0.5772156649015329


@dataclass(frozen=True, slots=True)
class SharpeEstimate:
    """What a track record says about its Sharpe ratio: the ratio, how long it was watched, how odd its days.

    ``sharpe`` by day (sample deviation, n - 1), ``days`` observed, ``skewness`` (0 for normal returns) and
    ``kurtosis`` (3 for normal returns, not the excess), both from moments divided by n.
    """

    sharpe: float
    days: int
    skewness: float = 0.0
    kurtosis: float = 3.0

    @property
    def standard_error(self) -> float:
        """By how much the measured Sharpe ratio typically misses the true one, for lack of more days.

        sqrt((1 - skewness x SR + (kurtosis - 1) / 4 x SR^2) / (n - 1)) (Mertens 2002; Bailey and Lopez de
        Prado 2012), by day. 0 for moments at the edge of what is possible.
        """
        return math.sqrt(max(0.0, self.spread) / (self.days - 1))

    @property
    def spread(self) -> float:
        """(n - 1) x the squared standard error."""
        return 1.0 - self.skewness * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe**2


def sharpe_estimate(returns: Floats) -> SharpeEstimate | None:
    """The estimate of daily ``returns`` (days,). None where they do not vary.

    Raises BacktestError below two days or for a value that is not finite.
    """
    series = checked_series(returns)
    deviations = series - series.mean()
    variance = float(np.mean(deviations**2))
    sample_deviation = math.sqrt(variance * len(series) / (len(series) - 1))
    if sample_deviation <= NO_VARIATION:
        return None
    return SharpeEstimate(
        sharpe=float(series.mean()) / sample_deviation,
        days=len(series),
        skewness=float(np.mean(deviations**3)) / variance**1.5,
        kurtosis=float(np.mean(deviations**4)) / variance**2,
    )


def probabilistic_sharpe(estimate: SharpeEstimate, benchmark: float = 0.0) -> float | None:
    """The probability that the true Sharpe ratio is above the benchmark, given how short and how uneven the
    track record is.

    PSR = Phi((SR - benchmark) / standard error) (Bailey and Lopez de Prado 2012). ``benchmark``
    by day. None where the standard error is 0.
    """
    error = estimate.standard_error
    return _NORMAL.cdf((estimate.sharpe - benchmark) / error) if error > 0.0 else None


def minimum_track_record(
    estimate: SharpeEstimate, benchmark: float = 0.0, confidence: float = 0.95
) -> float | None:
    """The number of days for which results like these must go on before one may believe that the Sharpe ratio
    is truly above the benchmark.

    MinTRL = 1 + (1 - skewness x SR + (kurtosis - 1) / 4 x SR^2) x (z / (SR - benchmark))^2 (Bailey and Lopez
    de Prado 2012), in days. None where the Sharpe ratio is not above ``benchmark`` (by day): no
    track record is long enough. Raises BacktestError for a confidence outside (0.5, 1).
    """
    if not 0.5 < confidence < 1.0:
        raise BacktestError(f"the confidence is {confidence}.", "Give a number between 0.5 and 1.")
    distance = estimate.sharpe - benchmark
    if distance <= 0.0:
        return None
    days = 1.0 + max(0.0, estimate.spread) * (_NORMAL.inv_cdf(confidence) / distance) ** 2
    return days if math.isfinite(days) else None


def expected_best_sharpe(trials: float, variance: float) -> float:
    """The Sharpe ratio that the luckiest of so many worthless strategies is expected to show.

    sqrt(variance) x ((1 - g) x Phi^-1(1 - 1/N) + g x Phi^-1(1 - 1/(N e))), g = 0.5772 (Bailey and Lopez de
    Prado 2014), by day; ``variance`` is that of the trials' daily Sharpe ratios. ``trials`` may be a
    fraction; 0 for one trial. Raises BacktestError below one trial or for a negative variance.
    """
    if not (1.0 <= trials < math.inf and 0.0 <= variance < math.inf):
        raise BacktestError(
            f"{trials} trials whose Sharpe ratios have the variance {variance}.",
            "Count at least one trial; a variance is 0 or more.",
        )
    if trials == 1.0:
        return 0.0
    # 1 - 1/N is 1 in a float long before N is large, so the lower tail is asked.
    of_maximum = -_NORMAL.inv_cdf(1.0 / trials)
    of_tail = -_NORMAL.inv_cdf(1.0 / (trials * math.e))
    mean = (1.0 - _EULER_MASCHERONI) * of_maximum + _EULER_MASCHERONI * of_tail
    return math.sqrt(variance) * max(0.0, mean)


def deflated_sharpe(estimate: SharpeEstimate, trials: float, variance: float) -> float | None:
    """The probability that the chosen strategy is truly better than nothing, after allowing for the luck of
    having picked it as the best of many trials.

    DSR = PSR with the benchmark :func:`expected_best_sharpe` (Bailey and Lopez de Prado 2014).
    ``trials`` is every parameter set ever tried, or :func:`effective_trials` of them; ``variance`` that of
    their daily Sharpe ratios (:func:`sharpe_variance`). Values above 0.95 come up in fewer than 5 % of
    searches among worthless strategies (it is compared with the luckiest one's mean, by the error of a
    single one). None where the standard error is 0. Raises BacktestError as :func:`expected_best_sharpe`.
    """
    return probabilistic_sharpe(estimate, expected_best_sharpe(trials, variance))


def sharpe_variance(returns: Floats) -> float | None:
    """How much the Sharpe ratios of the trials differ from one another.

    Sample variance (n - 1) over the sets of ``returns`` (sets, days), by day. Sets that do not vary have no
    Sharpe ratio and are left out; None below two others. Raises BacktestError for less than two days.
    """
    matrix = checked_matrix(returns)
    deviations = matrix.std(axis=1, ddof=1)
    varied = deviations > NO_VARIATION
    if int(varied.sum()) < 2:
        return None
    sharpes = matrix.mean(axis=1)[varied] / deviations[varied]
    return float(sharpes.var(ddof=1))


def effective_trials(returns: Floats) -> float:
    """How many truly different strategies the trials amount to, because many are near copies.

    r + (1 - r) x M with the mean correlation r between the M sets of ``returns`` (sets, days) (Bailey and
    Lopez de Prado 2014); r below 0 counts as 0. Sets that do not vary are left out; 1 below two
    others. For trials of earlier nights too, scale: all trials x effective / M. Raises BacktestError for less
    than two days.
    """
    matrix = checked_matrix(returns)
    deviations = matrix.std(axis=1, ddof=1)
    varied = deviations > NO_VARIATION
    sets = int(varied.sum())
    if sets < 2:
        return 1.0
    standard = matrix[varied]
    standard -= standard.mean(axis=1, keepdims=True)
    standard /= deviations[varied, np.newaxis]
    # The sum over all pairs of correlations is the variance of the sum of the standardised sets.
    all_pairs = float((standard.sum(axis=0) ** 2).sum()) / (matrix.shape[1] - 1)
    mean_correlation: float = min(1.0, max(0.0, (all_pairs - sets) / (sets * (sets - 1.0))))
    return mean_correlation + (1.0 - mean_correlation) * sets
