"""One home, one service and one browser for all that looks at them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from crypto_bt_tests.browser.chromium import chromium, why_missing
from crypto_bt_tests.browser.served import demo_home, with_a_day_missing
from crypto_bt_tests.browser.web_ui import WebUI
from crypto_bt_tests.service import Service, free_port


@dataclass(frozen=True)
class Demo:
    """A demo's home, the page of its night, and the day that is missing in it."""

    root: Path
    page: Path
    missing: date


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Skips where there is none, with the command that installs it."""
    if why := why_missing():
        pytest.skip(why)
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="package")
def demo(browser: Chrome, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Asks for the browser first: without one no home is made."""
    root = tmp_path_factory.mktemp("browser") / "home"
    page = Path(demo_home(root)["report"])
    return Demo(root, page, with_a_day_missing(root))


@pytest.fixture(scope="module")
def service(demo: Demo) -> Iterator[Service]:
    """``crypto-bt up`` on the home."""
    with Service(demo.root, free_port()) as started:
        started.start()
        yield started


@pytest.fixture
def ui(browser: Chrome, service: Service) -> WebUI:
    """The web UI of the service."""
    return WebUI(browser, service.port)
