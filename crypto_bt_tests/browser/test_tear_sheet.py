"""The pages of a night in a browser: opened from their files, they ask nobody for anything."""

from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from crypto_bt_tests.browser.chromium import WIDTH, requested, schemes, show_as
from crypto_bt_tests.browser.conftest import Demo
from crypto_bt_tests.browser.page import Page

OFFLINE = {"file", "data"}


def sheet_of(demo: Demo) -> Path:
    """The tear sheet of one strategy."""
    return demo.page.with_suffix("") / "ema_cross.html"


def errors(browser: Chrome) -> list[str]:
    """What the browser complained about since the last call."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def test_tear_sheet_opens_from_its_file_without_a_network_request(browser: Chrome, demo: Demo) -> None:
    sheet = sheet_of(demo)
    requested(browser)
    errors(browser)
    browser.get(sheet.as_uri())
    Page(browser).see("ema_cross", "What is assumed", "Reproducibility")
    assert browser.find_elements(By.TAG_NAME, "svg")
    addresses = requested(browser)
    assert addresses[0] == sheet.as_uri()
    assert schemes(addresses) <= OFFLINE
    assert errors(browser) == []


def test_page_of_a_night_leads_to_a_tear_sheet_offline(browser: Chrome, demo: Demo) -> None:
    requested(browser)
    browser.get(demo.page.as_uri())
    page = Page(browser)
    page.click("//a[normalize-space()='ema_cross']")
    page.until(lambda: browser.current_url.endswith("/ema_cross.html"), "the tear sheet")
    addresses = requested(browser)
    assert len(addresses) >= 2
    assert schemes(addresses) <= OFFLINE


def test_a_request_would_have_been_seen(browser: Chrome, tmp_path: Path) -> None:
    """Port 9 discards; nobody need listen for the request to be one."""
    page = tmp_path / "page.html"
    page.write_text('<img src="http://127.0.0.1:9/picture.png">')
    requested(browser)
    browser.get(page.as_uri())
    assert schemes(requested(browser)) == {"file", "http"}


@pytest.mark.parametrize("width", [390, WIDTH])
def test_tear_sheet_needs_no_scrolling_sideways(browser: Chrome, demo: Demo, width: int) -> None:
    show_as(browser, width)
    try:
        browser.get(sheet_of(demo).as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        show_as(browser, WIDTH)
