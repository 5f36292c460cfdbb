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
            {**GOOD, "cgroup": "/a", "cgroup_weight": "100"},
            {"cgroup": "/b", "cgroup_weight": "100"},
            "between them nice does not count",
        ),
        ({**GOOD, "cgroup": "/a"}, {"cgroup": "/b"}, "between them nice does not count"),
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
    "ours", [{"cgroup_idle": "1"}, {"cgroup_weight": "10"}, {"cgroup_weight": "1", "cgroup_idle": "0"}]
)
def test_another_cgroup_is_well_when_it_is_idle_or_much_lighter(ours: dict[str, str]) -> None:
    assert isolation({**GOOD, "cgroup": "/a", **ours}, {"cgroup": "/b", "cgroup_weight": "100"}).passed
