"""Make .github/run.png, the README's picture, from a run against the stand-in.

uv run tests/picture.py        needs Chromium, and says so on the picture: sample data
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path
from typing import Any

from pepy import SCRIPT, Pepy, environment

PICTURE = SCRIPT.parent / ".github/run.png"
PACKAGES = ("boto3-refresh-session", "requests", "pydantic", "boto3")
STYLE = """
* { box-sizing: border-box; margin: 0 }
body { width: 880px; padding: 20px; background: #fff; color: #1f2328;
       font: 14px "DejaVu Sans", Verdana, sans-serif }
pre { background: #0d1117; color: #e6edf3; border-radius: 8px; padding: 16px 18px;
      font: 12.5px/1.55 "DejaVu Sans Mono", monospace }
pre b { color: #7ee787; font-weight: normal }
.readme { border: 1px solid #d1d9e0; border-radius: 8px; padding: 8px 18px; margin-bottom: 14px }
.readme p { margin: 8px 0 }
small { display: block; margin-top: 12px; color: #59636e; font-size: 11.5px }
.badge { display: inline-flex; margin-right: 6px; font: 11px Verdana, "DejaVu Sans", sans-serif;
         line-height: 20px; color: #fff; border-radius: 3px; overflow: hidden }
.badge span { padding: 0 6px }
.badge span:first-child { background: #555 }
.flat span { background-image: linear-gradient(#fff2, #0001) }
.flat-square { border-radius: 0 }
.for-the-badge { border-radius: 0; font-size: 10px; line-height: 28px; letter-spacing: 1px;
                 text-transform: uppercase }
.for-the-badge span { padding: 0 10px }
.for-the-badge span:last-child { font-weight: bold }
"""
COLOURS = {"blue": "#007ec6", "orange": "#ea7233", "success": "#4b0"}


def badge(data: dict[str, Any], **reader: str) -> str:
    """A badge about as Shields draws it; `reader` is what the reader's address overrides."""
    look = data | reader
    colour = COLOURS.get(look["color"], look["color"])
    return (
        f'<span class="badge {look.get("style", "flat")}"><span>{escape(look["label"])}</span>'
        f'<span style="background-color:{colour}">{escape(look["message"])}</span></span>'
    )


def page(folder: Path, output: str) -> str:
    def show(metric: str, **reader: str) -> str:
        return badge(json.loads((folder / f"docs/{metric}.json").read_bytes()), **reader)

    total, month, week, day = (
        show(path) for path in ("requests", "requests/month", "requests/week", "requests/day")
    )
    restyled = (
        show("requests/month", style="for-the-badge", color="#6f42c1"),
        show("requests/month", style="flat-square", color="orange", label="installs"),
        show("requests", color="success", label="requests"),
    )
    return f"""<!doctype html><meta charset="utf-8"><style>{STYLE}</style>
<div class="readme"><p>{total}{month}{week}{day}</p><p>{"".join(restyled)}</p></div>
<pre><b>$</b> uv run script.py\n{escape(output.strip())}</pre>
<small>Sample data: the figures are made up by the stand-in for PePy in tests/.</small>"""


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("No Chromium: install Debian's package chromium, or Chrome.")
    with tempfile.TemporaryDirectory() as name, Pepy() as pepy:
        folder = Path(name)
        tables = "".join(f'[[package]]\nname = "{package}"\n' for package in PACKAGES)
        (folder / "packages.toml").write_text(tables)
        run = subprocess.run(
            [sys.executable, str(SCRIPT)],
            cwd=folder,
            env=environment(pepy),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )
        (folder / "page.html").write_text(page(folder, run.stdout), encoding="utf-8")
        subprocess.run(
            [
                *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *("--disable-background-networking", f"--user-data-dir={folder}/profile"),
                *("--force-device-scale-factor=2", "--window-size=880,340"),
                *(f"--screenshot={PICTURE}", (folder / "page.html").as_uri()),
            ],
            check=True,
            stderr=subprocess.DEVNULL,
        )
    print(f"Made {PICTURE.relative_to(SCRIPT.parent)}.")


if __name__ == "__main__":
    main()
