"""The exchange's request limits."""

from crypto_bt.simulator.budget import Budget


class Clock:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


def test_budget_serves_up_to_the_limit_and_then_names_the_rest_of_the_minute():
    clock = Clock(130.5)
    budget = Budget(10, 60, clock)

    assert [budget.charge(5), budget.charge(5)] == [None, None]
    assert budget.charge(1) == 50
    assert (budget.used, budget.peak) == (11, 10)


def test_budget_after_a_refusal_refuses_even_what_would_fit():
    clock = Clock(120)
    budget = Budget(10, 60, clock)
    budget.charge(9)

    assert budget.charge(5) == 60
    assert budget.charge(0) == 60


def test_budget_next_minute_starts_afresh():
    clock = Clock(179)
    budget = Budget(10, 60, clock)
    budget.charge(11)
    clock.seconds = 180

    assert budget.charge(10) is None
    assert budget.used == 10


def test_budget_counts_only_calls_that_could_have_known_of_the_refusal():
    clock = Clock(120)
    budget = Budget(1, 60, clock)
    budget.charge(2)
    clock.seconds = 120.4
    budget.charge(1)
    assert budget.calls_inside_retry_after == 0

    clock.seconds = 125
    budget.charge(1)
    assert budget.calls_inside_retry_after == 1
