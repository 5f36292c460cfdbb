"""A store that cannot be opened is looked at in a process of its own."""

import sys
from pathlib import Path

from crypto_bt.store.probing import probe
from crypto_bt_tests.store.samples import small_store


def test_sound_store_is_read_whole_and_an_empty_one_too(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store")
    seen = probe(store.root)
    assert seen.ok
    assert "8 rows of 2 datasets" in seen.text
    assert probe(tmp_path / "nothing").ok


def test_damage_is_corrupt_an_abort_a_hang_and_nonsense_are_not(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store")
    abort = probe(store.root, command=[sys.executable, "-c", "import os; os.abort()"])
    assert (abort.ok, abort.corrupt) == (False, False)
    assert "signal 6" in abort.text
    hang = probe(store.root, command=[sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.5)
    assert (hang.ok, hang.corrupt) == (False, False)
    wrong = probe(store.root, command=[sys.executable, "-c", "raise SystemExit('boom')"])
    assert (wrong.ok, wrong.corrupt) == (False, False)
    assert "boom" in wrong.text
    current = store.current()
    assert current is not None
    (store.root / "objects" / f"{current.objects[0].sha256}.parquet").write_bytes(b"PAR1")
    damaged = probe(store.root)
    assert (damaged.ok, damaged.corrupt) == (False, True)
