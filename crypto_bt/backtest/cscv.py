"""Probability of backtest overfitting by combinatorially symmetric cross-validation (CSCV).

Bailey, Borwein, Lopez de Prado and Zhu, "The probability of backtest overfitting" (2015): the days are cut
into S equal blocks; each half of the blocks once serves to pick the best parameter set, the other half to see
how it does there. Performance is the Sharpe ratio.
"""

import math
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest.return_matrix import Floats, checked_matrix
from crypto_bt.core.errors import BacktestError

_DAYS_PER_YEAR: Final = 365
_MOST_BLOCKS: Final = 16

#: Values of one working array: small enough to stay in a core's cache.
_VALUES_AT_ONCE: Final = 1 << 16

#: Where the squared deviations are below this share of the squares, they are rounding, not risk.
_NO_VARIATION: Final = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Cscv:
    """What picking the best parameter set on half of the days was worth on the other half, over all halves.

    ``pbo``: the probability that the set which looked best does worse than the median set afterwards; 0.5 is
    what picking among equally worthless sets gives, near 0 is good. Splits in which it is exactly the median
    count half.
    ``probability_of_loss``: the probability that the set which looked best loses money afterwards.
    ``degradation_slope``: how much of an advantage in the picking half remains in the other half: 1 is all, 0
    none, below 0 the better it looked the worse it did; None if all picks looked equally good.
    ``degradation_intercept``: Sharpe ratio in the other half of a pick whose Sharpe ratio was 0.
    ``logits``, ``in_sample``, ``out_of_sample``: (splits,) of each split the logit of the pick's relative
    rank in the other half, and its annual Sharpe ratio in either half; splits in lexicographic order of the
    picking blocks.
    ``days``: how many were used; the oldest that do not fill ``blocks`` equal blocks are left out.
    """

    pbo: float
    probability_of_loss: float
    degradation_slope: float | None
    degradation_intercept: float | None
    logits: Floats = field(repr=False)
    in_sample: Floats = field(repr=False)
    out_of_sample: Floats = field(repr=False)
    blocks: int
    days: int


def cross_validate(returns: Floats, *, blocks: int = 16) -> Cscv:
    """The CSCV of daily ``returns`` (sets, days) over all C(blocks, blocks / 2) splits (12,870 of 16 blocks).

    A set without variation in a half has the Sharpe ratio 0 there. Of equally good sets the first is picked;
    equal ranks are averaged. Working memory about 10 MB beyond the matrix at 1,000 sets. Raises BacktestError
    for an odd number of blocks or one outside 2 to 16, fewer than two sets or 2 x ``blocks`` days, or NaN.
    """
    if blocks % 2 or not 2 <= blocks <= _MOST_BLOCKS:
        raise BacktestError(
            f"{blocks} blocks were asked for.", f"Give an even number from 2 to {_MOST_BLOCKS}."
        )
    matrix = checked_matrix(returns, fewest_sets=2, fewest_days=2 * blocks)
    length = matrix.shape[1] // blocks
    used = matrix[:, matrix.shape[1] - length * blocks :]
    in_sample, out_of_sample, ranks = _picks(_BlockSums.of(used, blocks, length))
    relative = ranks / (len(matrix) + 1.0)
    slope, intercept = _line(in_sample, out_of_sample)
    annual = math.sqrt(_DAYS_PER_YEAR)
    return Cscv(
        pbo=float(np.mean(relative < 0.5) + 0.5 * np.mean(relative == 0.5)),
        probability_of_loss=float(np.mean(out_of_sample < 0.0)),
        degradation_slope=slope,
        degradation_intercept=intercept * annual if intercept is not None else None,
        logits=np.log(relative / (1.0 - relative)),
        in_sample=in_sample * annual,
        out_of_sample=out_of_sample * annual,
        blocks=blocks,
        days=length * blocks,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _BlockSums:
    """Sums over every subset of the first and of the second half of the blocks, so that any half of all
    blocks costs one addition a set; (2 ** (blocks / 2), sets) each, bit j of the row stands for block j."""

    sums: tuple[Floats, Floats]
    squares: tuple[Floats, Floats]
    blocks: int
    days_in_half: int

    @classmethod
    def of(cls, returns: Floats, blocks: int, length: int) -> "_BlockSums":
        split = [returns[:, start : start + length] for start in range(0, blocks * length, length)]
        sums = [block.sum(axis=1) for block in split]
        squares = [np.square(block).sum(axis=1) for block in split]
        half = blocks // 2
        return cls(
            sums=(_subset_sums(sums[:half]), _subset_sums(sums[half:])),
            squares=(_subset_sums(squares[:half]), _subset_sums(squares[half:])),
            blocks=blocks,
            days_in_half=half * length,
        )

    def sharpes(self, masks: NDArray[np.int64]) -> Floats:
        """Daily Sharpe ratio (masks, sets) over the blocks whose bits are set; 0 without variation."""
        half = self.blocks // 2
        low, high = masks & ((1 << half) - 1), masks >> half
        mean = self.sums[0][low] + self.sums[1][high]
        squares = self.squares[0][low] + self.squares[1][high]
        mean /= self.days_in_half
        deviation = mean * mean
        deviation *= -self.days_in_half
        deviation += squares
        squares *= _NO_VARIATION
        flat = deviation <= squares
        deviation /= self.days_in_half - 1
        deviation[flat] = 1.0
        np.sqrt(deviation, out=deviation)
        mean /= deviation
        sharpes: Floats = np.where(flat, 0.0, mean)
        return sharpes


def _subset_sums(values: list[Floats]) -> Floats:
    sums: Floats = np.zeros((1, len(values[0])))
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums


def _picks(sums: _BlockSums) -> tuple[Floats, Floats, Floats]:
    """Of each split (splits,): the pick's daily Sharpe ratio in the picking half and in the other one, and
    its rank (1 the worst) in the other one."""
    masks = np.array(
        [sum(1 << block for block in chosen) for chosen in combinations(range(sums.blocks), sums.blocks // 2)]
    )
    splits = len(masks)
    everything = (1 << sums.blocks) - 1
    in_sample, out_of_sample, ranks = np.empty(splits), np.empty(splits), np.empty(splits)
    step = max(1, _VALUES_AT_ONCE // sums.sums[0].shape[1])
    # In lexicographic order the complement of the i-th half is the i-th from the end.
    for start in range(0, splits // 2, step):
        here = np.arange(start, min(start + step, splits // 2))
        one, other = sums.sharpes(masks[here]), sums.sharpes(everything - masks[here])
        for places, picking, judging in ((here, one, other), (splits - 1 - here, other, one)):
            best = picking.argmax(axis=1)[:, np.newaxis]
            judged = np.take_along_axis(judging, best, axis=1)
            in_sample[places] = np.take_along_axis(picking, best, axis=1)[:, 0]
            out_of_sample[places] = judged[:, 0]
            below = np.count_nonzero(judging < judged, axis=1)
            equal = np.count_nonzero(judging == judged, axis=1)
            ranks[places] = below + (equal + 1.0) / 2.0
    return in_sample, out_of_sample, ranks


def _line(x: Floats, y: Floats) -> tuple[float | None, float | None]:
    """Slope and intercept of the least squares line; None where ``x`` does not vary."""
    centred = x - x.mean()
    spread = float(np.square(centred).sum())
    if spread <= _NO_VARIATION * float(np.square(x).sum()):
        return None, None
    slope = float((centred * (y - y.mean())).sum()) / spread
    return slope, float(y.mean()) - slope * float(x.mean())
