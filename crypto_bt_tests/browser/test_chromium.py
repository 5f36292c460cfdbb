"""On a machine without a browser its tests are skipped, and say how to get one."""

from pathlib import Path

import pytest

from crypto_bt_tests.browser.chromium import FAILED, INSTALL, PACKAGES, why_missing
from crypto_bt_tests.documents.pages import ROOT


def test_reason_names_what_is_missing_and_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(FAILED, raising=False)
    assert why_missing() == f"chromium and chromedriver not found. Install: {INSTALL}"
    program = tmp_path / "chromium"
    program.touch(0o755)
    assert why_missing() == f"chromedriver not found. Install: {INSTALL}"
    (tmp_path / "chromedriver").touch(0o755)
    assert why_missing() == ""


def test_reason_says_why_the_installation_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(FAILED, "E: Unable to locate package chromium")
    assert "(tried: E: Unable to locate package chromium)" in why_missing()


def test_ci_installs_the_same_packages_and_tells_why_it_could_not() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert INSTALL in script
    assert f"{FAILED}=" in script
    assert all(f"command -v {program}" in script for program in PACKAGES)
