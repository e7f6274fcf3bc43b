"""A real browser, in which pages are looked at."""

from __future__ import annotations

import base64
import io
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import absent

HEIGHT = 900
# Text whose contrast to what lies behind it is less than 4.5 (WCAG 2, level AA).
FAINT = """
const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
const linear = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const light = c => { const [r, g, b] = c.slice(0, 3).map(v => linear(v / 255)); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
const found = []; let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode, element = node.parentElement;
  if (!node.data.trim() || !element.checkVisibility()) continue;
  let behind = element;
  while (behind && parse(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  const a = light(parse(getComputedStyle(element).color));
  const b = light(behind ? parse(getComputedStyle(behind).backgroundColor) : [255, 255, 255]);
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  seen += 1;
  if (ratio < 4.5) found.push(`${ratio.toFixed(2)}: ${node.data.trim().slice(0, 60)}`);
}
return [seen, found];
"""
# Elements that reach beyond the page, and don't lie in a box that scrolls.
BEYOND = """
const width = document.documentElement.clientWidth;
return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > width + 1 && !e.closest('.wide'))
  .map(e => e.outerHTML.slice(0, 80)).concat(document.documentElement.scrollWidth > width ? ['the page itself'] : []);
"""
# Every picture, also those that would be loaded later, with its true width once it is there.
PICTURES = """
const done = arguments[arguments.length - 1], images = [...document.images];
images.forEach(image => { image.loading = 'eager'; });
Promise.allSettled(images.map(image => image.decode())).then(() => done(images.map(image => [image.alt, image.naturalWidth])));
"""


class Browser:
    """Chromium, driven by selenium."""

    def __init__(self, driver: Any):
        self.driver = driver

    def open(self, path: pathlib.Path, width: int, scheme: str = "light", media: str = "screen") -> None:
        """Opens a page as a window of this width, or paper (media `print`), shows it, in the `light` or `dark` scheme."""
        size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        self.driver.get_log("browser")
        self.driver.get(path.as_uri())

    def run(self, script: str) -> Any:
        return self.driver.execute_script(script)

    def beyond(self) -> list[str]:
        return self.run(BEYOND)

    def faint(self) -> tuple[int, list[str]]:
        """Returns how many texts there are, and those that are too faint."""
        return self.run(FAINT)

    def pictures(self) -> list[tuple[str, int]]:
        return self.driver.execute_async_script(PICTURES)

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def screenshot(self) -> np.ndarray:
        """Returns the window's content, uint8[H, W, 3]."""
        png = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory) -> Iterator[Browser]:
    """Debian's packages `chromium` and `chromium-driver`, and selenium, provide it."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    try:
        from selenium import webdriver
    except ImportError:
        absent("selenium (`pip install selenium`)")
    if chromium is None or driver is None:
        absent("Debian's chromium and chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("profile")
    # As root there is no sandbox, and containers have little shared memory.
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    chrome.set_page_load_timeout(120)
    chrome.set_script_timeout(120)
    yield Browser(chrome)
    chrome.quit()
