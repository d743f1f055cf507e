"""Make the README's pictures from the stand-ins' figures: .github/*.png.

uv run tests/picture.py        needs Chromium, and says so on the pictures: sample data
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from browser import ROOT, executable, launch, visit
from clickhouse import Clickhouse
from pepy import Pepy
from playwright.sync_api import Browser, sync_playwright
from pypistats import Pypistats
from served import PUBLISHED, Site
from shields import show

sys.path.insert(0, str(ROOT))
from conftest import Project

PACKAGES = f"""
site.url = "{PUBLISHED}"
package = [
    {{ name = "boto3-refresh-session" }},
    {{ name = "requests" }},
    {{ name = "boto3" }},
    {{ name = "pydantic", breakdown = true }},
]
"""
SAMPLE = "Sample data: the figures are made up by the stand-ins in tests/."
STYLE = """
* { box-sizing: border-box; margin: 0 }
body { width: 760px; padding: 12px 20px; background: #fff; color: #59636e;
       font: 11.5px "DejaVu Sans", Verdana, sans-serif }
p { display: flex; align-items: center; gap: 8px; margin: 8px 0 }
"""
BADGES = (
    ("requests", "requests/month", "requests/week", "requests/day"),
    (
        "requests/month&style=for-the-badge&color=6f42c1",
        "requests/month&style=flat-square&color=orange&label=installs",
        "requests&color=success&label=requests",
    ),
)


def picture_badges(browser: Browser, site: Site) -> None:
    """Badges in several styles."""

    def badge(wanted: str) -> str:
        path, _, look = wanted.partition("&")
        url = f"https://img.shields.io/endpoint?url={PUBLISHED}/{path}.json"
        picture = quote(show(f"{url}&{look}".rstrip("&"), site.read))
        return f'<img src="data:image/svg+xml,{picture}" alt="">'

    rows = "".join(f"<p>{''.join(map(badge, row))}</p>" for row in BADGES)
    page = browser.new_page(device_scale_factor=2, viewport={"width": 760, "height": 50})
    page.set_content(f'<meta charset="utf-8"><style>{STYLE}</style>{rows}<p>{SAMPLE}</p>')
    page.screenshot(path=ROOT / ".github/badges.png", full_page=True)


def picture_page(browser: Browser, site: Site, fragment: str, hidden: str, name: str) -> None:
    """What an address of the page shows, but for what a selector hides."""
    shape: Any = {"viewport": {"width": 1100, "height": 100}, "device_scale_factor": 1.5}
    with visit(browser, site, **shape) as visitor:
        page = visitor.open(fragment)
        page.locator("#chart").evaluate("(image) => (image.loading = 'eager')")
        page.wait_for_load_state("networkidle")
        for element in page.locator(hidden).all():
            element.evaluate("(element) => element.classList.add('unseen')")
        page.locator("footer").evaluate("(footer, text) => footer.replaceChildren(text)", SAMPLE)
        page.locator("footer").evaluate("({ style }) => (style.paddingBottom = '1rem')")
        page.screenshot(path=ROOT / ".github" / name, full_page=True)


def main() -> None:
    if executable() is None:
        sys.exit("No Chromium: install Debian's package chromium, or Chrome.")
    with tempfile.TemporaryDirectory() as name, Pepy() as pepy, Pypistats() as pypistats:
        project = Project(Path(name))
        project.list(text=PACKAGES)
        variables = {"PYPISTATS_API_URL": pypistats.url, "GITHUB_REPOSITORY": "someone/stats"}
        with Clickhouse(pepy) as older:
            project.run(pepy, CLICKHOUSE_URL=older.url, **variables)
        with sync_playwright() as playwright, Site(project.docs) as site:
            browser = launch(playwright)
            picture_badges(browser, site)
            look = "metric=month&style=for-the-badge&color=8250df"
            rest, above = "#breakdown, #breakdown ~ *", "header, #builder > :not(#breakdown)"
            picture_page(browser, site, f"#requests?{look}", rest, "page.png")
            picture_page(browser, site, "#pydantic", above, "breakdown.png")
            browser.close()
    print("Made .github/badges.png, page.png and breakdown.png.")


if __name__ == "__main__":
    main()
