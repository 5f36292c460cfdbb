"""Headless Chromium by Debian's packages, and why there is none where there is none."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service as Driver

#: What the pictures of the README measure, too.
WIDTH, HEIGHT = 1400, 900
PACKAGES: Final = {"chromium": "chromium", "chromedriver": "chromium-driver"}
INSTALL: Final = f"apt-get install -y --no-install-recommends {' '.join(PACKAGES.values())}"
#: Set by .ci/run: why the installation did not succeed.
FAILED: Final = "BROWSER_NOT_INSTALLED"
#: Chromium asks its maker's servers about updates and the like, which no page did.
QUIET: Final = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic",
    "--disable-background-networking", "--disable-component-update", "--no-first-run", "--hide-scrollbars",
    "--force-color-profile=srgb", "--lang=en-GB",
)  # fmt: skip


def why_missing() -> str:
    """Which programs the browser tests lack and the command that installs them; empty where none is."""
    lacking = [name for name in PACKAGES if shutil.which(name) is None]
    if not lacking:
        return ""
    failed = os.environ.get(FAILED, "")
    tried = f" (tried: {failed})" if failed else ""
    return f"{' and '.join(lacking)} not found{tried}. Install: {INSTALL}"


@contextmanager
def chromium(profile: Path) -> Iterator[Chrome]:
    """A browser with a window of 1400 x 900 and an empty ``profile``; it keeps a log of its requests."""
    options = ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in (*QUIET, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    # Named, so that selenium looks for no driver of its own.
    browser = Chrome(options=options, service=Driver(str(shutil.which("chromedriver"))))
    try:
        show_as(browser, WIDTH)
        yield browser
    finally:
        browser.quit()


def show_as(browser: Chrome, width: int) -> None:
    """Make the pages ``width`` wide; the frame of the window takes some of what --window-size gives."""
    size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def requested(browser: Chrome) -> list[str]:
    """Addresses that were requested since the last call, oldest first."""
    entries = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [
        entry["params"]["request"]["url"]
        for entry in entries
        if entry["method"] == "Network.requestWillBeSent"
    ]


def schemes(addresses: list[str]) -> set[str]:
    """What the addresses begin with: ``file``, ``data``, ``http`` ..."""
    return {urlsplit(address).scheme for address in addresses}
