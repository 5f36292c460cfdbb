"""Counting trials: each parameter set once, over all nights, through crashes and replays."""

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.backtest.trials import (
    TrialLedger,
    Trials,
    addition,
    parameters_hash,
    read_ledger,
    trials_counted,
    trials_in_doubt,
    trials_of,
)
from crypto_bt.core.errors import BacktestError

_FIRST, _SECOND = date(2026, 11, 20), date(2026, 11, 21)


def _night(night: date, strategy: str = "ema_cross", *fast: int) -> Trials:
    return trials_of(night, strategy, [{"fast": value} for value in fast])


_records = st.lists(
    st.builds(
        lambda night, strategy, values: _night(night, strategy, *values),
        st.sampled_from([_FIRST, _SECOND]),
        st.sampled_from(["ema_cross", "rsi_reversion"]),
        st.lists(st.integers(0, 9), min_size=1, max_size=6),
    ),
    max_size=6,
)


def test_the_same_parameters_on_another_night_are_one_trial_and_in_another_strategy_two() -> None:
    ledger = TrialLedger().with_trials(
        [_night(_FIRST, "ema_cross", 1, 2), _night(_SECOND, "ema_cross", 2, 3), _night(_SECOND, "rsi", 2)]
    )
    assert ledger.count() == 4
    assert ledger.count("ema_cross") == 3
    assert ledger.count("rsi") == 1
    assert ledger.count(until=_FIRST) == 2


def test_the_same_parameters_of_other_code_are_another_trial() -> None:
    tried = [{"fast": 1}, {"fast": 2}]
    unknown, one, two = (trials_of(_FIRST, "mine", tried, content) for content in ("", "a" * 64, "b" * 64))
    later = trials_of(_SECOND, "mine", tried, "b" * 64)
    ledger = read_ledger(addition(b"", [unknown, one, two, later]))
    assert ledger.damaged == 0
    assert [record.content for record in ledger.records] == ["", "a" * 16, "b" * 16, "b" * 16]
    assert ledger.count("mine") == 4
    assert TrialLedger((unknown, one)).count() == 2, (
        "what was tried by a version not known is the first known"
    )
    assert TrialLedger((unknown,)).count() == 2


def test_a_ledger_that_has_lost_trials_says_so_and_counts_no_fewer() -> None:
    whole = TrialLedger().with_trials([_night(_FIRST, "mine", 1, 2, 3), _night(_SECOND, "mine", 4)])
    assert trials_in_doubt(whole, _SECOND, {_FIRST: 3}) == (4, "")
    assert trials_in_doubt(whole, _FIRST, {_SECOND: 9}) == (3, ""), "later nights do not count"
    lost = TrialLedger().with_trials([_night(_SECOND, "mine", 4)])
    count, doubt = trials_in_doubt(lost, _SECOND, {_FIRST: 3})
    assert count == 3
    assert doubt == (
        "The trial ledger is damaged: it holds 1 trials, and the night of 2026-11-20 counted 3, which count."
    )
    torn = read_ledger(b"#" + addition(b"", [_night(_FIRST, "mine", 1)]))
    assert trials_in_doubt(torn, _FIRST, {}) == (
        1,
        "The trial ledger is damaged: 1 of its lines cannot be read.",
    )


def test_a_hash_counts_every_value_and_neither_order_nor_the_way_a_number_is_written() -> None:
    one = parameters_hash({"fast": 10, "exits": {"stop": 0.02, "scale": [1, 2.5]}, "anchored": True})
    assert one == parameters_hash(
        {"anchored": True, "exits": {"scale": (1.0, 2.5), "stop": 0.02}, "fast": 10.0}
    )
    assert len(one) == 16
    others = [
        {"a": 1},
        {"a": "1"},
        {"a": True},
        {"a": None},
        {"a": 1.5},
        {"a": [1]},
        {"b": 1},
        {"a": {"a": 1}},
    ]
    assert len({parameters_hash(other) for other in others}) == len(others)
    assert parameters_hash({"a": 0.0}) == parameters_hash({"a": -0.0})
    assert parameters_hash({"seed": 2**53}) != parameters_hash({"seed": 2**53 + 1})


def test_the_hash_of_known_parameters_stays_what_it_was() -> None:
    assert parameters_hash({"fast": 20, "slow": 50, "stop_loss": None}) == "2ab9ba867764c744"


def test_a_parameter_that_cannot_be_hashed_is_refused() -> None:
    with pytest.raises(BacktestError, match="A parameter is"):
        parameters_hash({"model": object()})


@given(first=_records, second=_records)
def test_recording_again_adds_nothing_and_any_order_counts_the_same(
    first: list[Trials], second: list[Trials]
) -> None:
    data = addition(b"", first)
    assert addition(data, first) == b""
    both = data + addition(data, second)
    assert addition(both, [*second, *first]) == b""
    expected = {(record.strategy, tried) for record in [*first, *second] for tried in record.hashes}
    assert read_ledger(both).count() == len(expected)
    assert read_ledger(both) == TrialLedger().with_trials([*first, *second])
    assert TrialLedger().with_trials([*second, *first]).count() == len(expected)


def test_a_write_torn_at_any_byte_is_mended_by_the_next_one(tmp_path: Path) -> None:
    file = tmp_path / "trials.jsonl"
    before = addition(b"", [_night(_FIRST, "ema_cross", 1, 2)])
    wanted = [_night(_SECOND, "ema_cross", 2, 3), _night(_SECOND, "rsi", 7)]
    whole = addition(before, wanted)
    for written in range(len(whole) + 1):
        file.write_bytes(before + whole[:written])
        assert read_ledger(file.read_bytes()).count() >= 2
        with file.open("ab") as ledger:
            ledger.write(addition(file.read_bytes(), wanted))
        mended = read_ledger(file.read_bytes())
        assert mended.count() == 4
        assert set(mended.records) == set(read_ledger(before + whole).records)
        assert mended.damaged <= 1
        assert addition(file.read_bytes(), wanted) == b""


def test_lines_that_cannot_be_read_are_counted_and_the_others_are_used() -> None:
    good = _night(_FIRST, "ema_cross", 1).to_json()
    bad = [
        "{",
        "[]",
        "7",
        '{"night": 3}',
        '{"night": "2026-11-20", "strategy": "a", "parameters": "abc"}',
        "\x00",
    ]
    ledger = read_ledger("\n".join([*bad, good, ""]).encode())
    assert ledger.damaged == len(bad)
    assert ledger.count() == 1
    assert read_ledger(b"") == TrialLedger()


def test_the_file_is_one_line_of_json_a_night_and_strategy() -> None:
    (line,) = addition(b"", [_night(_FIRST, "ema_cross", 2, 1, 2)]).splitlines()
    values = json.loads(line)
    assert values["night"] == "2026-11-20"
    assert values["strategy"] == "ema_cross"
    assert values["parameters"] == sorted(parameters_hash({"fast": fast}) for fast in (1, 2))


def test_the_count_given_by_a_stamp_wins_so_that_a_replay_stays_what_it_was() -> None:
    ledger = TrialLedger().with_trials([_night(_FIRST, "ema_cross", 1, 2)])
    tonight = [_night(_SECOND, "ema_cross", 2, 3)]
    counted = trials_counted(ledger, tonight)
    assert counted == 3
    later = ledger.with_trials([*tonight, _night(_SECOND, "rsi", 1, 2, 3, 4)])
    assert trials_counted(later, tonight) == 7
    assert trials_counted(later, tonight, given=counted) == counted
    assert trials_counted(later, tonight, strategy="ema_cross") == 3


def test_nothing_tried_counts_as_one_trial_and_a_given_count_of_none_is_refused() -> None:
    assert trials_counted(TrialLedger(), []) == 1
    with pytest.raises(BacktestError, match="number of trials given is 0"):
        trials_counted(TrialLedger(), [], given=0)


def test_a_record_without_trials_is_refused() -> None:
    with pytest.raises(BacktestError, match="ema_cross has 0 trials on 2026-11-20"):
        trials_of(_FIRST, "ema_cross", [])
