"""Another program's keys reach no child of ours, and a person is told once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crypto_bt.commands.homes import keep_keys_out
from crypto_bt.settings import load_settings


def test_keep_keys_out_of_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BINANCE_API_SECRET", "canary-4711")
    monkeypatch.setenv("SQLITE_WAL", "1")
    asked = [sys.executable, "-c", "import os; print('BINANCE_API_SECRET' in os.environ)"]
    assert subprocess.check_output(asked, text=True).strip() == "True"
    keep_keys_out(load_settings(tmp_path))
    told = capfd.readouterr().err
    assert told.count("BINANCE_API_SECRET") == 1
    assert told.count("SQLITE_WAL") == 1
    assert "canary" not in told
    assert "BINANCE_API_SECRET" not in os.environ
    assert subprocess.check_output(asked, text=True).strip() == "False"
