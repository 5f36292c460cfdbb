"""Any page in the browser: what it shows and what a person can do on it; all waits, nothing sleeps."""

from collections.abc import Callable
from typing import TypeVar

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

T = TypeVar("T")
#: A page that is drawn anew while it is looked at; the next look finds it as it then is.
DRAWN_ANEW = (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)


class Page:
    """A window of ``browser``; all it is asked for is waited for, ``seconds`` at most."""

    def __init__(self, browser: Chrome, seconds: float = 60.0) -> None:
        self.browser = browser
        self.seconds = seconds

    def until(self, done: Callable[[], T], what: str) -> T:
        """What ``done`` gives as soon as it is true; AssertionError with the page's text if it never is."""
        wait = WebDriverWait(self.browser, self.seconds, 0.2, DRAWN_ANEW)
        try:
            return wait.until(lambda _: done())
        except TimeoutException:
            raise AssertionError(f"not within {self.seconds:.0f} s: {what}\n{self.text()[:2000]}") from None

    def text(self) -> str:
        """All that can be read on the page."""
        return self.browser.find_element(By.TAG_NAME, "body").text

    def see(self, *words: str) -> str:
        """The page's text on one line, once it holds all ``words``."""

        def seen() -> str:
            text = " ".join(self.text().split())
            return text if all(word in text for word in words) else ""

        return self.until(seen, f"{words} to be read")

    def find(self, xpath: str) -> WebElement:
        """The first element that ``xpath`` names, once it is shown."""
        return self.until(lambda: self._shown(xpath), f"{xpath} to be shown")

    def click(self, xpath: str) -> None:
        """Click what ``xpath`` names."""
        self.until(lambda: self._clicked(xpath), f"{xpath} to be clicked")

    def type(self, *keys: str, held: str = "") -> None:
        """Press keys where the cursor is, ``held`` kept down meanwhile."""
        actions = ActionChains(self.browser)
        if held:
            actions = actions.key_down(held)
        actions = actions.send_keys(*keys)
        if held:
            actions = actions.key_up(held)
        actions.perform()

    def _shown(self, xpath: str) -> WebElement | None:
        element = self.browser.find_element(By.XPATH, xpath)
        return element if element.is_displayed() else None

    def _clicked(self, xpath: str) -> bool:
        self.browser.find_element(By.XPATH, xpath).click()
        return True
