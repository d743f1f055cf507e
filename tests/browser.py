"""The page in a real browser: a site that the script rendered, on loopback, and Shields played.

Nothing reaches the network: a badge's picture is answered by tests/shields.py, and any other
request that leaves this machine is a mistake that `visit` tells.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Route
from served import SCRIPT, Site
from shields import show

ROOT = SCRIPT.parent
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def executable() -> str | None:
    """Debian's Chromium, or an installed Chrome."""
    names = ("chromium", "google-chrome", "google-chrome-stable", "chrome")
    usual = (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "C:/Program Files/Google/Chrome/Application/chrome.exe",
    )
    return next(filter(None, map(shutil.which, (*names, *usual))), None)


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=executable(), args=FLAGS)


@dataclass
class Visit:
    """A page on the site, and what it asked of Shields."""

    page: Page
    context: BrowserContext
    site: Site
    pictures: list[str] = field(default_factory=list)  # addresses asked of Shields
    mistakes: list[str] = field(default_factory=list)
    shields_is_down: bool = False

    def open(self, fragment: str = "") -> Page:
        """Go there, and wait until what the address asks for is there."""
        self.page.goto(f"{self.site.address}/{fragment}")
        self.page.wait_for_selector(
            "main:not([aria-busy]) > section:not([hidden]):not(:has(#look[hidden]))"
        )
        return self.page

    def leave(self) -> None:
        """End the visit; another can begin. Raises AssertionError if anything went wrong unseen."""
        mistakes = "\n".join(self.mistakes)  # and not of what is still under way
        self.page.goto("about:blank")
        self.context.unroute_all(behavior="ignoreErrors")
        self.context.route(re.compile(rf"^(?!{re.escape(self.site.address)}/|data:)"), self.answer)
        self.pictures.clear()
        self.mistakes.clear()
        self.shields_is_down = False
        if mistakes:
            raise AssertionError(mistakes)

    def answer(self, route: Route) -> None:
        address = route.request.url
        if not address.startswith("https://img.shields.io/"):
            self.mistakes.append(f"The page asked for {address}.")
        elif not self.shields_is_down:
            self.pictures.append(address)
            try:
                picture = show(address, self.site.read)
            except (ValueError, KeyError, OSError) as error:
                self.mistakes.append(f"Shields would not show {address}: {error}")
            else:
                return route.fulfill(body=picture, content_type="image/svg+xml")
        return route.abort()


@contextmanager
def visit(browser: Browser, site: Site, **options: Any) -> Iterator[Visit]:
    """A visit of a site, which it leaves at its end."""
    options = {"viewport": {"width": 1200, "height": 900}, "locale": "en-GB"} | options
    with browser.new_context(**options) as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        visited = Visit(page := context.new_page(), context, site)

        def told(message: Any) -> None:
            expected = visited.shields_is_down or "404 (" in message.text
            if message.type in ("error", "warning") and not expected:
                visited.mistakes.append(message.text)

        visited.leave()
        page.on("console", told)
        page.on("pageerror", lambda error: visited.mistakes.append(f"{error}"))
        page.on("dialog", lambda dialog: visited.mistakes.append(f"dialog: {dialog.message}"))
        yield visited
        visited.leave()


if __name__ == "__main__":
    print(executable() or "")
