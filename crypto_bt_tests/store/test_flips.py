"""Single-bit flips: a sample of the campaign, a few of every kind."""

from pathlib import Path

from crypto_bt_tests.store.flip_campaign import KINDS, Flips, flip_once, prepare

SEED = "20261123"
OF_EACH = 4


def test_flipped_bit_is_noticed_and_nothing_read_or_restored_is_silently_wrong(tmp_path: Path) -> None:
    desk = prepare(tmp_path / "desk")
    tally = Flips()
    for number in range(OF_EACH * len(KINDS)):
        flip_once(desk, tmp_path, f"{SEED}/{number}", KINDS[number % len(KINDS)], tally)
    assert tally.wrong == []
    assert tally.seen == tally.flips == OF_EACH * len(KINDS)
