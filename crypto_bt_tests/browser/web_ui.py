"""Dagster's web UI as a person uses it."""

import json
from typing import Final

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from crypto_bt_tests.browser.page import Page

GROUPS: Final = ("candles", "market", "sentiment", "macro", "features", "backtest", "operations")
#: How many points of a canvas have a colour: neither transparent nor a shade of grey, as axes and words are.
COLOURED: Final = """
const canvas = arguments[0];
const at = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
let found = 0;
for (let i = 0; i < at.length; i += 4) {
  const points = [at[i], at[i + 1], at[i + 2]];
  if (at[i + 3] > 200 && Math.max(...points) - Math.min(...points) > 100) found += 1;
}
return found;
"""


class WebUI(Page):
    """The web UI on ``port`` of this machine."""

    def __init__(self, browser: Chrome, port: int) -> None:
        super().__init__(browser)
        self.root = f"http://127.0.0.1:{port}"

    def open(self, path: str) -> None:
        """Go to a page."""
        self.browser.get(self.root + path)

    def lineage(self, *groups: str) -> None:
        """The graph of all assets, once all ``groups`` are drawn in it with the state of their assets."""
        self.open("/asset-groups")
        for group in groups:
            self.find(f"//*[local-name()='foreignObject'][.//*[normalize-space()='{group}']]")
        self.until(lambda: "fetching statuses" not in self.text(), "the state of all assets")

    def curve(self, asset: str, figure: str) -> int:
        """Plot the figures of an asset's materializations; how many coloured points ``figure``'s plot has."""
        self.open(f"/assets/{asset}")
        self.click("//button[normalize-space()='Plots']")
        canvas = f"//div[div/span[normalize-space()='{figure}']]//canvas"
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", self.find(canvas))
        return self.until(
            lambda: int(self.browser.execute_script(COLOURED, self.browser.find_element(By.XPATH, canvas))),
            f"a curve of {figure}",
        )

    def check(self, asset: str, name: str, *words: str) -> str:
        """The page of an asset's check: its text, once the latest result and ``words`` are on it."""
        self.open(f"/assets/{asset}?view=checks&checkDetail={name}")
        return self.see("Latest execution", "Evaluation result", *words)

    def schedule_is_on(self, name: str) -> bool:
        """Whether a schedule's page shows it switched on."""
        self.open(f"/locations/crypto_bt/schedules/{name}")
        return self._toggled()

    def toggle_schedule(self, name: str) -> None:
        """Switch a schedule off, or on, and wait until the page shows it."""
        before = self.schedule_is_on(name)
        self.click("//label[.//input[@type='checkbox']]")
        self.until(lambda: self._toggled() is not before, f"{name} to be toggled")

    def launch(self, job: str, day: str, config: dict[str, object]) -> str:
        """Launch ``job`` for a day from its Launchpad, with run config typed into it; the run's id."""
        self.open(f"/locations/crypto_bt/jobs/{job}/playground")
        self.see("No errors")
        field = "//input[@placeholder='Partition']"

        def chosen() -> bool:
            self.browser.find_element(By.XPATH, field).click()
            self.browser.find_element(By.XPATH, field).send_keys(Keys.CONTROL, "a")
            self.browser.find_element(By.XPATH, field).send_keys(day, Keys.ENTER)
            return f"partition: {day}" in self.text()

        self.until(chosen, f"the partition {day} to be chosen")
        self.click("//*[contains(@class, 'CodeMirror-lines')]")
        self.type("a", held=Keys.CONTROL)
        # JSON is YAML, and on one line the editor indents nothing by itself.
        self.type(Keys.DELETE, json.dumps(config))
        self.until(lambda: json.dumps(config) in self.text(), "the run config to be typed")
        self.see("No errors")
        self.click("//button[normalize-space()='Launch Run']")
        self.until(lambda: "/runs/" in self.browser.current_url, "the run's page")
        return self.browser.current_url.split("/runs/")[1].partition("?")[0]

    def ended(self, run: str) -> str:
        """How a run ended, by its page: ``Success``, ``Failure`` or ``Canceled``."""
        self.open(f"/runs/{run}")

        def end() -> str:
            shown = self.text().splitlines()
            return next((word for word in ("Success", "Failure", "Canceled") if word in shown), "")

        return self.until(end, f"run {run} to end")

    def _toggled(self) -> bool:
        self.find("//label[.//input[@type='checkbox']]")
        return self.browser.find_element(By.XPATH, "//label//input[@type='checkbox']").is_selected()
