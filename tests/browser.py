"""The page in a real browser: a site that the script rendered, on loopback, and Shields played.

Nothing reaches the network: a badge's picture is answered by tests/shields.py, and any other
request that leaves this machine is a mistake that `Visit` tells.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from pepy import PAGE, SCRIPT, Pepy, environment
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Route, ViewportSize
from shields import show

ROOT = SCRIPT.parent
PUBLISHED = "https://badges.example.com/stats"  # where the site says it is
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic"]


def executable() -> str | None:
    """Debian's Chromium, or an installed Chrome."""
    names = ("chromium", "google-chrome", "google-chrome-stable", "chrome")
    usual = (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "C:/Program Files/Google/Chrome/Application/chrome.exe",
    )
    found = [path for name in names if (path := shutil.which(name))]
    return next(iter([*found, *(path for path in usual if Path(path).exists())]), None)


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=executable(), args=FLAGS)


class Quiet(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """No log: tests print enough."""

    def send_error(self, code: int, *_: Any) -> None:
        """As GitHub Pages does it: 404.html, wherever the address is."""
        body = (Path(self.directory) / "404.html").read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A browser that went away is no news."""


@dataclass
class Site:
    """A folder with a packages.toml and docs/, whose docs/ is served at `address`."""

    folder: Path
    published: str = PUBLISHED
    address: str = ""

    @property
    def docs(self) -> Path:
        return self.folder / "docs"

    def read(self, published: str) -> bytes:
        """A published file, by the address that the site gives it."""
        if not published.startswith(f"{self.published}/"):
            raise ValueError(f"not of this site: {published}")
        address = published.replace(self.published, self.address, 1)
        with urllib.request.urlopen(address) as answer:
            return bytes(answer.read())

    def script(self, *arguments: str, pepy: Pepy | None = None, **variables: str) -> None:
        subprocess.run(
            [sys.executable, str(SCRIPT), *arguments],
            cwd=self.folder,
            env=environment(pepy) | variables,
            check=True,
            capture_output=True,
        )

    def __enter__(self) -> Site:
        handler = partial(Quiet, directory=str(self.docs))
        self.server = Server(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def build(folder: Path, packages: str, pepy: Pepy | None, **variables: str) -> Site:
    """A site as the daily job leaves it; without PePy, as it is before the first run."""
    (folder / "docs").mkdir()
    for path in PAGE:
        shutil.copy(path, folder / "docs")
    (folder / "packages.toml").write_text(packages, encoding="utf-8")
    site = Site(folder)
    site.script("update" if pepy else "render", pepy=pepy, **variables)
    return site


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
        self.page.goto(f"{self.site.address}/{fragment}")
        self.ready()
        return self.page

    def ready(self) -> None:
        """Wait until what the address asks for is there."""
        self.page.wait_for_selector("main > section:not([hidden]):not(:has(#look[hidden]))")

    def answer(self, route: Route) -> None:
        address = route.request.url
        if address.startswith("https://img.shields.io/") and self.shields_is_down:
            route.abort()
        elif address.startswith("https://img.shields.io/"):
            self.pictures.append(address)
            try:
                picture = show(address, self.site.read)
            except (ValueError, OSError) as error:
                self.mistakes.append(f"Shields would not show {address}: {error}")
                route.fulfill(status=400)
            else:
                route.fulfill(body=picture, content_type="image/svg+xml")
        else:
            self.mistakes.append(f"The page asked for {address}.")
            route.abort()


@contextmanager
def visit(
    browser: Browser, site: Site, width: int = 1200, height: int = 900, **options: Any
) -> Iterator[Visit]:
    """A visit of a site; raises AssertionError at its end if anything went wrong unseen."""
    viewport: ViewportSize = {"width": width, "height": height}
    with browser.new_context(viewport=viewport, locale="en-GB", **options) as context:
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = context.new_page()
        page.set_default_timeout(10_000)
        visited = Visit(page, context, site)
        context.route(re.compile(rf"^(?!{re.escape(site.address)}/|data:|blob:)"), visited.answer)
        page.on("pageerror", lambda error: visited.mistakes.append(f"{error}"))
        page.on("dialog", lambda dialog: visited.mistakes.append(f"dialog: {dialog.message}"))

        def told(message: Any) -> None:
            expected = visited.shields_is_down or "404 (" in message.text
            if message.type in ("error", "warning") and not expected:
                visited.mistakes.append(message.text)

        page.on("console", told)
        yield visited
        mistakes = [*visited.mistakes]
        context.unroute_all(behavior="ignoreErrors")
    if mistakes:
        raise AssertionError("\n".join(mistakes))


if __name__ == "__main__":
    print(executable() or "")
