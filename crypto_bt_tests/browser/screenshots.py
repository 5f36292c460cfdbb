"""The README's pictures, taken of a demo in the browser: ``make screenshots``."""

import json
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from crypto_bt.settings import load_settings
from crypto_bt_tests.browser.chromium import chromium, why_missing
from crypto_bt_tests.browser.page import Page
from crypto_bt_tests.browser.served import ask_for_a_day_more, judge
from crypto_bt_tests.browser.web_ui import GROUPS, WebUI
from crypto_bt_tests.command_line import run, start
from crypto_bt_tests.documents.pages import DOCS
from crypto_bt_tests.service import Service, free_port

IMAGES: Final = DOCS / "images"
LARGEST: Final = 300_000
#: Of which strategy the tear sheet is.
STRATEGY: Final = "funding_carry"


def take(page: Page, folder: Path, name: str) -> Path:
    """Write what the window shows, once it stands still, as ``name``.png; it must not be too large."""
    before = b""

    def still() -> bool:
        nonlocal before
        last, before = before, page.browser.get_screenshot_as_png()
        return last == before

    page.until(still, f"{name} to stand still")
    assert len(before) < LARGEST, f"{name}.png has {len(before)} bytes, at most {LARGEST}"
    path = folder / f"{name}.png"
    path.write_bytes(before)
    return path


def pages_of_a_night(page: Page, scorecard: Path, folder: Path) -> list[Path]:
    """The page of all strategies, and the curves of one strategy's tear sheet."""
    page.browser.get(scorecard.as_uri())
    taken = [take(page, folder, "scorecard")]
    page.browser.get((scorecard.with_suffix("") / f"{STRATEGY}.html").as_uri())
    curves = page.find("//h2[normalize-space()='Curves']")
    page.browser.execute_script("arguments[0].scrollIntoView()", curves)
    return [*taken, take(page, folder, "tear-sheet")]


def web_ui(ui: WebUI, folder: Path) -> list[Path]:
    """The graph of assets, and a check that fails."""
    ui.lineage(*GROUPS)
    taken = [take(ui, folder, "lineage")]
    ui.check("candles_1h", "coverage", "symbols are whole", "crypto-bt data repair")
    return [*taken, take(ui, folder, "check")]


def leave_a_day_out(root: Path) -> None:
    """For four symbols of the home: of 60, ``coverage`` lets 2 pass."""
    missing = ask_for_a_day_more(root)
    days = ("--start", f"{missing}", "--end", f"{missing + timedelta(days=1)}")
    others = ",".join(load_settings(root).SYMBOLS[:-4])
    run("data", "backfill", "--symbols", others, *days, "--home", str(root))
    judge(root)


def main(folder: Path, say: Callable[[str], object] = sys.stdout.write, *size: str) -> None:
    """Make a demo of ``size`` (arguments of ``crypto-bt demo``), and take all pictures into ``folder``."""
    if why := why_missing():
        raise SystemExit(why)
    with tempfile.TemporaryDirectory(prefix="crypto_bt-") as scratch:
        root = Path(scratch) / "demo"
        say("A demo of its own is made, which takes a minute or two ...\n")
        # The night gives way to all else on the machine, so that this may take long.
        with start("demo", *size, "--home", str(root), "--json") as demo:
            told = json.loads(demo.communicate()[0])
        with chromium(Path(scratch) / "profile") as browser, Service(root, free_port()) as service:
            taken = pages_of_a_night(Page(browser), Path(told["report"]), folder)
            leave_a_day_out(root)
            service.start()
            taken += web_ui(WebUI(browser, service.port), folder)
    for path in taken:
        say(f"{path} {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main(IMAGES)
