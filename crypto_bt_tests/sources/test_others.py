"""Who else uses the address: read off the exchange's counter, and never invented."""

import random

import pytest

from crypto_bt.sources.others import OthersForecast


class Address:
    """The exchange's counter of one address, with our requests and the others', in order of time."""

    def __init__(self, forecast, phase=0.0):
        self.forecast, self.phase = forecast, phase
        self.counter: dict[int, int] = {}
        self.own: list[tuple[float, int]] = []

    def others(self, moment, cost):
        minute = int((moment + self.phase) // 60)
        self.counter[minute] = self.counter.get(minute, 0) + cost
        return self.counter[minute]

    def ask(self, asked, answered, cost=1):
        """A request of ours that arrives half way."""
        used = self.others((asked + answered) / 2, cost)
        self.own.append((answered, cost))
        self.forecast.observe(
            asked, answered, used, lambda moment: sum(cost for at, cost in self.own if at > moment)
        )


@pytest.fixture
def forecast():
    return OthersForecast()


def test_expected_of_nobody_is_nothing_and_known_after_five_seconds(forecast):
    address = Address(forecast)

    for moment in range(200):
        assert forecast.expected(moment) == 0
        assert forecast.known(moment) == (moment > 5)
        address.ask(moment, moment + 0.1)


def test_known_needs_a_whole_minute_beside_others(forecast):
    address = Address(forecast)

    for moment in range(90):
        address.others(moment, 10)
        address.ask(moment, moment + 0.1)
        assert forecast.known(moment + 0.5) == (moment >= 60), moment


@pytest.mark.parametrize("phase", [0.0, 17.3, 59.9])
def test_expected_of_a_steady_trader_is_what_it_uses(forecast, phase):
    address = Address(forecast, phase)

    for moment in range(200):
        address.others(moment, 28)
        address.ask(moment, moment + 0.1, 7)
        if moment > 60:
            # Rather too much: the counter shows a minute's beginning only once we ask.
            assert 0.98 * 28 * 60 <= forecast.expected(moment + 0.2) <= 1.1 * 28 * 60, moment
    assert 28 * 60 - 7 <= forecast.peak <= 28 * 60


def test_expected_remembers_a_burst_for_two_minutes(forecast):
    address = Address(forecast)

    for moment in range(300):
        if moment == 70:
            address.others(moment, 900)
        address.ask(moment, moment + 0.1)
        if moment == 70 or 120 < moment < 239:
            assert forecast.expected(moment + 0.2) >= 900, moment
    assert forecast.expected(300) == 0


def test_expected_while_the_minute_runs_is_that_it_goes_on_as_it_began(forecast):
    address = Address(forecast)
    address.ask(0.0, 0.1)

    for moment in range(1, 20):
        address.others(moment, 20)
        address.ask(moment, moment + 0.1)

    assert forecast.expected(20.2) == pytest.approx(20 * 60, rel=0.1)


def test_expected_is_not_believed_after_two_minutes_of_silence(forecast):
    address = Address(forecast)
    for moment in range(70):
        address.others(moment, 20)
        address.ask(moment, moment + 0.1)

    assert forecast.expected(180) > 1000
    assert (forecast.expected(190.2), forecast.known(190.2)) == (0, False)


def test_known_begins_anew_when_the_counter_went_unseen(forecast):
    address = Address(forecast)
    for moment in range(10):
        address.ask(moment, moment + 0.1)
    assert forecast.known(10)

    address.ask(25, 25.1)

    assert not forecast.known(26)
    assert forecast.silence(26) == pytest.approx(0.9)


@pytest.mark.parametrize("seed", range(30))
def test_others_alone_are_never_seen_whatever_the_order_of_answers(forecast, seed):
    chance = random.Random(seed)
    address = Address(forecast, phase=chance.uniform(0, 60))
    # (asked, arrived, answered, cost): up to a dozen at once, with answers in another order than arrivals.
    requests, moment = [], 0.0
    while moment < 400:
        moment += chance.choice([0.01, 0.05, 0.3, chance.uniform(0, 40)])
        arrived = moment + chance.expovariate(4)
        requests.append((moment, arrived, arrived + chance.expovariate(4), chance.choice([0, 1, 2, 5])))
    arrivals = sorted(requests, key=lambda request: request[1])
    used = {request: address.others(request[1], request[3]) for request in arrivals}

    for request in sorted(requests, key=lambda request: request[2]):
        asked, _, answered, _ = request

        def own_since(moment, now=answered):
            return sum(cost for at, _, end, cost in requests if at <= now and (end > moment))

        forecast.observe(asked, answered, used[request], own_since)
        assert forecast.expected(answered) == 0, f"seed {seed}"

    assert forecast.peak == 0


@pytest.mark.parametrize("seed", range(30))
def test_peak_is_never_more_than_others_really_used(forecast, seed):
    chance = random.Random(seed)
    address, used_by_others = Address(forecast, phase=chance.uniform(0, 60)), {}
    moment = 0.0
    while moment < 500:
        moment += chance.choice([0.02, 0.5, chance.uniform(0, 20)])
        if chance.random() < 0.5:
            cost = chance.randint(1, 50)
            address.others(moment, cost)
            minute = int((moment + address.phase) // 60)
            used_by_others[minute] = used_by_others.get(minute, 0) + cost
        else:
            address.ask(moment, moment + 0.015, chance.choice([1, 2, 5]))

    assert forecast.peak <= max(used_by_others.values()), f"seed {seed}"


@pytest.mark.parametrize("rate", [0.9995, 1.0, 1.0005])
def test_others_alone_are_never_seen_by_a_clock_that_runs_a_little_wrong(forecast, rate):
    address, chance = Address(forecast), random.Random(11)

    moment = 0.0
    while moment < 1200:
        moment += chance.uniform(0.05, 0.4)
        asked, answered = moment * rate, (moment + 0.02) * rate
        used = address.others(moment + 0.01, 2)
        address.own.append((answered, 2))
        forecast.observe(
            asked, answered, used, lambda since: sum(cost for at, cost in address.own if at > since)
        )

    assert forecast.peak == 0


def test_known_others_that_are_few_need_no_minute(forecast):
    address = Address(forecast)
    forecast.few = 120

    for moment in range(20):
        address.others(moment, 1)
        address.ask(moment, moment + 0.1)
    assert forecast.known(20)
    for moment in range(20, 30):
        address.others(moment, 20)
        address.ask(moment, moment + 0.1)

    assert forecast.expected(30) > 300
    assert not forecast.known(30)


def test_observe_answer_that_is_read_late_ends_no_minute(forecast):
    address = Address(forecast)
    for moment in range(20):
        address.others(moment, 10)
        address.ask(moment, moment + 0.1)
    before = forecast.expected(20)

    # Of another process: answered earlier than what was seen since, with less in the counter.
    forecast.observe(17.5, 18.5, 205, lambda moment: 20)

    assert forecast.expected(20) == before
    assert forecast.peak == 200
