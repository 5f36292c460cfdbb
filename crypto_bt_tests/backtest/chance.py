"""How far a count over seeded simulations may lie from what is expected before a test must fail."""

import math

_DEVIATIONS = 4.0


def slack(runs: int, probability: float) -> float:
    """Four binomial standard deviations of the share of ``runs``: one correct test in 16,000 lies beyond."""
    return _DEVIATIONS * math.sqrt(probability * (1.0 - probability) / runs)
