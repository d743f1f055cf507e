"""Make the README's pictures from the stand-ins' figures: .github/*.png.

uv run tests/picture.py        needs Chromium and npm, and says so on the pictures: sample data

Shields' own renderer, from npm, draws the badges of the first one, with their logos.
"""

from __future__ import annotations

import json
import shutil
import subprocess
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
from shields import EndpointBadge, badge_at

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
        "requests/month&style=for-the-badge&color=6f42c1&logo=python&logoColor=white",
        "requests/month&style=flat-square&color=orange&label=installs",
        "requests&color=success&label=requests&logo=pypi&logoColor=white",
    ),
)
RENDERER = ("badge-maker@6", "simple-icons@16")
DRAW = """
import { readFileSync } from "node:fs";
import { makeBadge } from "badge-maker";
import * as icons from "simple-icons";
const logos = new Map(Object.values(icons).map(({ slug, svg }) => [slug, svg]));
const drawn = JSON.parse(readFileSync(0)).map(({ logo, logoColor, ...badge }, at) => {
  const svg = logo && logos.get(logo).replace("<svg", `<svg fill="${logoColor}"`);
  const logoBase64 = svg && `data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}`;
  return makeBadge({ ...badge, ...(svg && { logoBase64 }), idSuffix: String(at) });
});
console.log(JSON.stringify(drawn));
"""


def drawn(badges: list[EndpointBadge]) -> list[str]:
    """Badges as SVG, by the renderer that Shields itself uses."""
    asked = []
    for badge in badges:
        told = badge.model_dump(include={"label", "message", "color", "labelColor", "style"})
        logo = {"logo": badge.namedLogo, "logoColor": badge.logoColor}
        asked.append(told | (logo if badge.namedLogo else {}))
    with tempfile.TemporaryDirectory() as folder:
        install = ["npm", "install", "--silent", "--ignore-scripts", "--prefix", folder]
        subprocess.check_call([*install, *RENDERER], cwd=folder)
        Path(folder, "draw.mjs").write_text(DRAW, encoding="utf-8")
        draw = ["node", "draw.mjs"]
        pictures = subprocess.check_output(draw, cwd=folder, input=json.dumps(asked).encode())
    svgs: list[str] = json.loads(pictures)
    return svgs


def picture_badges(browser: Browser, site: Site) -> None:
    """Badges in several styles, two of them with logos."""

    def badge(wanted: str) -> EndpointBadge:
        path, _, look = wanted.partition("&")
        url = f"https://img.shields.io/endpoint?url={PUBLISHED}/{path}.json"
        return badge_at(f"{url}&{look}".rstrip("&"), site.read)

    svgs = iter(drawn([badge(wanted) for row in BADGES for wanted in row]))
    pictures = [
        [f'<img src="data:image/svg+xml,{quote(next(svgs))}" alt="">' for _ in row]
        for row in BADGES
    ]
    rows = "".join(f"<p>{''.join(row)}</p>" for row in pictures)
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
    if shutil.which("npm") is None:
        sys.exit("No npm: install Node.js with it.")
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
