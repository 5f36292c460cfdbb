"""Which priorities protect the live trader."""

import pytest

from crypto_bt.core.isolated import isolation

GOOD = {"nice": "19", "scheduler": "idle", "autogroup": "19", "cgroup": "/user.slice"}


def test_a_process_that_gave_way_passes_with_and_without_a_trader_beside_it() -> None:
    assert isolation(GOOD).passed
    assert isolation(GOOD, {"cgroup": "/user.slice"}).passed
    assert isolation({**GOOD, "autogroup": "not here: no such file"}).passed


@pytest.mark.parametrize(
    ("priority", "trader", "words"),
    [
        ({**GOOD, "nice": "0", "scheduler": "not here: refused"}, None, "that of any process"),
        ({**GOOD, "autogroup": "0"}, None, "weight of any other"),
        (
            {**GOOD, "cgroup": "/a", "cgroup_weights": "100"},
            {"cgroup": "/b", "cgroup_weights": "100"},
            "between them nice does not count",
        ),
        ({**GOOD, "cgroup": "/a"}, {"cgroup": "/b"}, "between them nice does not count"),
        (
            {**GOOD, "cgroup": "/system.slice/desk.service/night", "cgroup_weights": "100/100/idle"},
            {"cgroup": "/system.slice/trader.service", "cgroup_weights": "100/100"},
            "between them nice does not count",
        ),
        (
            {**GOOD, "cgroup": "/a", "cgroup_weights": "idle"},
            {"cgroup": "/b", "cgroup_weights": "idle"},
            "between them nice does not count",
        ),
    ],
)
def test_what_could_harm_the_trader_is_named(
    priority: dict[str, str], trader: dict[str, str] | None, words: str
) -> None:
    verdict = isolation(priority, trader)
    assert not verdict.passed
    assert words in verdict.text
    assert "CPUWeight=idle" in verdict.text


@pytest.mark.parametrize(
    ("cgroup", "weights", "trader", "trader_weights"),
    [
        ("/desk.slice/desk.service", "idle/100", "/system.slice/trader.service", "100/100"),
        ("/desk.slice/desk.service", "10/100", "/system.slice", "100"),
        ("/system.slice/desk.service", "100/idle", "/system.slice/trader.service", "100/100"),
        ("/system.slice/desk.service", "100/1", "/system.slice", "100"),
        ("/system.slice", "100", "/system.slice/trader.service", "100/100"),
        ("/system.slice/desk.service", "-/-", "/user.slice/trader.scope", "-/-"),
        ("/", "", "/user.slice", "-"),
    ],
    ids=["idle", "a tenth", "beside", "below", "a process beside a group", "undivided", "no groups"],
)
def test_another_cgroup_is_well_when_ours_is_idle_or_much_lighter_where_they_part(
    cgroup: str, weights: str, trader: str, trader_weights: str
) -> None:
    ours = {**GOOD, "cgroup": cgroup, "cgroup_weights": weights}
    assert isolation(ours, {"cgroup": trader, "cgroup_weights": trader_weights}).passed
