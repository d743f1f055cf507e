"""The page, in a real browser over a site that the script rendered."""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from html import escape
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

import pytest
from asciidoc.api import AsciiDocAPI
from axe_playwright_python.sync_playwright import Axe
from browser import PUBLISHED, ROOT, Site, Visit, build, executable, launch, visit
from docutils import nodes
from docutils.core import publish_doctree
from markdown_it import MarkdownIt
from pepy import Pepy, newest_complete_day
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from pypistats import Pypistats

import script

if executable() is None:
    reason = "no browser: install Debian's package chromium, or Chrome"
    if os.environ.get("BROWSER") == "required":
        raise RuntimeError(reason)
    pytest.skip(reason, allow_module_level=True)

LONG = "a-" * 49 + "bc"
PACKAGES = f"""
[site]
url = "{PUBLISHED}"
repository = "someone/stats"

[[package]]
name = "requests"

[[package]]
name = "pydantic"
label = "installs"
color = "#e92063"
labelColor = "black"
style = "flat-square"
namedLogo = "pydantic"
logoColor = "white"
logoSize = "auto"

[[package]]
name = "drawn"
logoSvg = "<svg xmlns='http://www.w3.org/2000/svg'/>"
label = ""

[[package]]
name = "exact"
units = "none"
breakdown = true

[[package]]
name = "Hostile.Look"
label = "<img src=x onerror=alert(1)>\\"'&"

[[package]]
name = "{LONG}"
"""
SMALL = {"none": 0, "one-digit": 9, "two-digits": 10, "three-digits": 100, "four-digits": 1000}


def figures(*counts: int, total: int) -> dict[str, Any]:
    """An answer of PePy: the counts of the newest complete days."""
    newest = newest_complete_day(datetime.now(UTC))
    days = (newest - timedelta(days=len(counts) - 1 - at) for at in range(len(counts)))
    downloads = {
        day.isoformat(): {"1.0": count} for day, count in zip(days, counts, strict=True) if count
    }
    return {"total_downloads": total, "downloads": downloads}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = launch(playwright)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with packages of all kinds."""
    projects: dict[str, Any] = {name: figures(total=total) for name, total in SMALL.items()}
    projects |= {
        "falls": figures(*[20] * 30, *[10] * 30, total=5000),
        "rises": figures(*[10] * 30, *[13] * 30, total=5500),
        "same": figures(*[7] * 60, total=6000),
        "stale": figures(*[7] * 60, total=7000),
        "not-quite": figures(*[7] * 60, total=7500),
    }
    tables = "".join(f'\n[[package]]\nname = "{name}"\n' for name in projects)
    folder = tmp_path_factory.mktemp("site")
    with Pepy(projects=projects) as pepy, Pypistats() as pypistats:
        built = build(folder, PACKAGES + tables, pepy, PYPISTATS_API_URL=pypistats.url)
    for name, minutes in (("stale", 1), ("not-quite", -60)):
        path = built.docs / name / "stats.json"
        old = datetime.now(UTC) - timedelta(days=3, minutes=minutes)
        path.write_text(json.dumps(json.loads(path.read_bytes()) | {"timestamp": old.isoformat()}))
    built.script("render")
    with built:
        yield built


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Iterator[Visit]:
    with visit(browser, site) as visited:
        yield visited


def listings(site: Site) -> list[dict[str, Any]]:
    packages = json.loads((site.docs / script.CATALOGUE).read_bytes())["packages"]
    assert isinstance(packages, list)
    return packages


def shown(page: Page) -> list[str]:
    """The packages listed now, in their order, whether they are scrolled into sight or not."""
    return page.locator("#packages tbody tr:not([hidden]) a").all_text_contents()


def picture(page: Page, metric: str = "total") -> dict[str, str]:
    """What the builder's picture of a metric asks of Shields."""
    image = page.locator(f".cards label:has([value={metric}]) img[src]")
    address = image.get_attribute("src") or ""
    return dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))


def code(page: Page, markup: str = "markdown") -> str:
    page.locator(f"#formats label:has([value={markup}])").click()
    return page.locator("#code").input_value()


def settled(page: Page) -> str:
    """The fragment, once the address has followed the controls."""
    page.locator("h1:visible").evaluate("() => new Promise((done) => setTimeout(done, 400))")
    return urlsplit(page.url).fragment


# --- the list


def test_the_list_shows_every_packages_figures(visitor: Visit, site: Site) -> None:
    page = visitor.open()
    assert len(shown(page)) == len(listings(site)) == 16
    for listing in listings(site):
        stats = json.loads((site.docs / listing["name"] / "stats.json").read_bytes())
        table = script.parse_table((site.docs / listing["name"] / "history.csv").read_bytes())
        history = table["downloads"]
        row = page.locator("#packages tbody tr", has=page.get_by_text(listing["name"], exact=True))
        exact = [cell.get_attribute("title") for cell in row.locator("td.number[title]").all()]
        keys = ("total_downloads", "last_month", "last_week", "last_day")
        assert exact == [f"{stats[key]:,}" for key in keys]
        for key, title in zip(("Total", "Month", "Week", "Day"), exact, strict=True):
            text = row.locator(f"[data-label={key}]").text_content()
            number = int(str(title).replace(",", ""))
            assert text == script.format_count(number)

        end = script.parse_day(stats["last_date"])
        before = sum(script.window(history, end, 60)[30:])
        change = row.locator("[data-label=Change]").text_content() or ""
        if before:
            percent = 100 * (stats["last_month"] / before - 1)
            assert abs(float(change.replace("−", "-").rstrip("%")) - percent) <= 0.0501
            assert change[0] in ("+−"[percent < 0] if round(percent, 1) else "0")
        else:
            assert change == "–"
        drawn = row.locator(".spark path").get_attribute("d") or ""
        assert len(re.findall("[ML]", drawn)) == max(
            2, min(90, (end - min(history, default=end)).days + 1)
        )
    assert page.locator("#found").inner_text() == "16 packages"


def test_a_rising_and_a_falling_package_say_so_in_words_and_colour(visitor: Visit) -> None:
    page = visitor.open()
    changes = {
        name: page.locator("tr", has=page.get_by_text(name, exact=True)).locator(
            "[data-label=Change] span"
        )
        for name in ("rises", "falls", "same", "four-digits")
    }
    assert {name: cell.text_content() for name, cell in changes.items()} == {
        "rises": "+30.0%",
        "falls": "−50.0%",
        "same": "0.0%",
        "four-digits": "–",
    }
    assert changes["rises"].get_attribute("class") == "up"
    assert changes["falls"].get_attribute("class") == "down"


def test_a_sparkline_ends_at_the_right_and_rises_upwards(visitor: Visit) -> None:
    page = visitor.open()
    path = page.locator("tr", has=page.get_by_text("falls", exact=True)).locator("path")
    points = [f"{day} {0 if day < 60 else 17}" for day in range(30, 90)]
    assert path.get_attribute("d") == "M" + "L".join(points)


def test_the_search_filters_as_one_types_and_tells_how_many(visitor: Visit) -> None:
    page = visitor.open()
    search = page.get_by_label("Find your package")
    search.press_sequentially("digit")
    assert shown(page) == ["four-digits", "three-digits", "two-digits", "one-digit"]
    assert page.locator("#found").inner_text() == "4 of 16 packages"
    assert page.locator("#found").get_attribute("role") == "status"
    search.fill("digits")
    search.press("Enter")
    expect(page.locator("h1:visible")).to_have_text("four-digits")
    page.go_back()
    search.fill("")
    search.press("Enter")
    expect(page.locator("#list")).to_be_visible()
    search.fill("Hostile_LOOK")
    assert shown(page) == ["hostile-look"]
    search.fill("")
    assert len(shown(page)) == 16


def test_enter_opens_the_package_of_that_very_name(browser: Browser, site: Site) -> None:
    with visit(browser, site) as visitor:
        catalogue = json.loads((site.docs / script.CATALOGUE).read_bytes())
        greater = catalogue["packages"][0] | {"name": "requests-more", "total": 10**14}
        catalogue["packages"].append(greater)
        visitor.context.route("**/_packages.json", lambda route: route.fulfill(json=catalogue))
        visitor.shields_is_down = True
        page = visitor.open()
        page.get_by_label("Find your package").fill("requests")
        assert shown(page) == ["requests-more", "requests"]
        page.keyboard.press("Enter")
        expect(page.locator("h1:visible")).to_have_text("requests")


def test_examples_show_what_an_address_can_do_with_the_greatest_package(
    visitor: Visit, site: Site
) -> None:
    page = visitor.open()
    greatest = max(listings(site), key=lambda listing: int(listing["total"]))["name"]
    examples = page.locator("#examples a")
    expect(examples).to_have_count(4)
    for example in examples.all():
        assert greatest in (example.locator("img").get_attribute("alt") or "")
        href = example.get_attribute("href") or ""
        shown_there = dict(parse_qsl(href.partition("?")[2]))
        metric = shown_there.pop("metric")
        asked = example.locator("img").get_attribute("src") or ""
        query = dict(parse_qsl(urlsplit(asked).query))
        path = f"{greatest}.json" if metric == "total" else f"{greatest}/{metric}.json"
        assert query == {"url": f"{PUBLISHED}/{path}"} | shown_there
        assert href.startswith(f"#{greatest}?")


@pytest.mark.parametrize("key", ["name", "total", "month", "change", "week", "day"])
def test_every_column_sorts_both_ways(visitor: Visit, site: Site, key: str) -> None:
    page = visitor.open("#?sort=name" if key == "total" else "")
    heading = page.locator(f"th[data-key={key}]")

    def value(listing: dict[str, Any]) -> Any:
        before = listing["previous_month"]
        return listing.get(key, before and listing["month"] / before - 1)

    for downwards in (key != "name", key == "name"):
        heading.get_by_role("button").click()
        assert heading.get_attribute("aria-sort") == ("descending" if downwards else "ascending")
        assert page.locator("[aria-sort]").count() == 1
        by_name = {listing["name"]: listing for listing in listings(site)}
        rows = [by_name[name] for name in shown(page)]
        if key == "change":
            known = [bool(row["previous_month"]) for row in rows]
            assert known == sorted(known, reverse=True)  # those without a change come last
            rows = [row for row in rows if row["previous_month"]]
        values = [value(row) for row in rows]
        assert values == sorted(values, reverse=downwards)


def test_search_and_order_are_in_the_address(visitor: Visit) -> None:
    page = visitor.open()
    page.get_by_label("Find your package").fill("s")
    page.get_by_role("button", name="Week").click()
    order = shown(page)
    assert urlsplit(page.url).fragment == "?search=s&sort=-week"
    page.reload()
    visitor.ready()
    assert shown(page) == order
    page.set_viewport_size({"width": 1200, "height": 400})
    page.locator("tbody a", has_text="same").scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    assert before > 0
    page.locator("tbody a", has_text="same").click()
    expect(page.locator("h1:visible")).to_be_focused()
    assert page.evaluate("scrollY") == 0
    page.get_by_role("link", name="All packages").click()
    expect(page.locator("#list")).to_be_visible()
    expect(page.locator("tbody a", has_text="same")).to_be_focused()
    assert page.evaluate("scrollY") == before
    assert shown(page) == order
    assert page.get_by_label("Find your package").input_value() == "s"


def test_below_it_says_how_fresh_it_is(browser: Browser, site: Site) -> None:
    with visit(browser, site, timezone_id="Pacific/Auckland") as visitor:
        text = visitor.open().locator("#dates").inner_text()
    newest = max(listing["fetched"] for listing in listings(site))
    last = max(listing["last_date"] for listing in listings(site))
    fetched = datetime.fromisoformat(newest)
    assert f"Fetched on {fetched.day} {fetched:%B %Y} at {fetched:%H:%M} UTC" in text
    end = script.parse_day(last)
    assert f"{end.day} {end:%B %Y}" in text


def test_what_was_last_fetched_more_than_three_days_ago_is_stale(visitor: Visit) -> None:
    page = visitor.open()
    marks = page.locator(".stale")
    assert marks.count() == 1
    assert page.locator("tr", has=marks).locator("a").text_content() == "stale"
    page.locator("tbody a", has_text="stale").click()
    expect(page.locator("#notice")).to_contain_text("stale: they were last fetched on")


def test_a_missing_package_leads_to_the_form_with_its_name(visitor: Visit) -> None:
    page = visitor.open()
    form = "https://github.com/someone/stats/issues/new?template=add-package.yml"
    assert page.get_by_role("link", name="Add a package").get_attribute("href") == form
    search = page.get_by_label("Find your package")
    search.fill("Zope.Interface")
    expect(page.locator("#packages")).to_be_hidden()
    link = page.get_by_role("link", name="Add zope-interface")
    assert link.get_attribute("href") == f"{form}&packages=zope-interface"
    search.fill("same")
    expect(page.locator("#add")).to_have_text("")
    search.fill("sam")  # fits one, but isn't it
    expect(page.get_by_role("link", name="Add sam")).to_be_visible()
    search.fill("no package&packages=evil")
    expect(page.locator("#add")).to_have_text("No package can be called that.")
    fields = (ROOT / ".github/ISSUE_TEMPLATE/add-package.yml").read_text()
    assert "id: packages" in fields  # by which GitHub fills it in


def test_a_thousand_packages_are_searched_and_sorted_without_a_stutter(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    shutil.copytree(site.docs, tmp_path / "docs")
    some = listings(site)[0]
    words = ("flask", "django", "types", "aws", "google-cloud", "pytest", "sphinx", "py")
    many = [
        some | {"name": f"{words[n % 8]}-{n}", "total": n * 7919 % 10**6, "month": n * 31 % 10**5}
        for n in range(1000)
    ]
    path = tmp_path / "docs" / script.CATALOGUE
    path.write_text(json.dumps({"repository": None, "url": PUBLISHED, "packages": many}))
    for name in ("", "/day", "/week", "/month"):  # the pictures on top
        target = tmp_path / f"docs/flask-0{name}.json"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(site.docs / "requests.json", target)
    shutil.copytree(site.docs / "requests", tmp_path / "docs/x")
    texts = ["f", "fl", "fla", "flask", "", "1", "12", "x", ""]
    go = """async ([selector, texts]) => {
        const element = document.querySelector(selector);
        for (const text of texts) {
            if (element.tagName === "BUTTON") element.click();
            else { element.value = text; element.dispatchEvent(new Event("input")); }
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        }
    }"""
    with Site(tmp_path) as large, visit(browser, large) as visitor:
        visitor.shields_is_down = True
        page = visitor.open()
        assert len(shown(page)) == 1000
        # The seconds that the page's thread works until the result is drawn, whatever else
        # this machine does meanwhile.
        devtools = visitor.context.new_cdp_session(page)
        devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

        def worked() -> float:
            metrics = devtools.send("Performance.getMetrics")["metrics"]
            return float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))

        for selector in ("#search", "[data-key=month] button", "[data-key=name] button"):
            rounds = []
            for _ in range(3):
                before = worked()
                page.evaluate(go, [selector, texts])
                rounds.append((worked() - before) / len(texts))
            print(f"{selector}: {1000 * min(rounds):.1f} ms")
            assert 0.0005 < min(rounds) < 0.05


# --- the builder


def test_a_package_opens_with_its_own_look(visitor: Visit, site: Site) -> None:
    page = visitor.open()
    page.locator("tbody a", has_text="pydantic").click()
    expect(page.locator("h1:visible")).to_have_text("pydantic")
    expect(page).to_have_title("pydantic · Download badges for Python packages")
    visitor.ready()
    controls = {
        "Style": "flat-square",
        "Label": "installs",
        "Colour": "e92063",
        "Label colour": "black",
        "Logo": "pydantic",
        "Logo colour": "white",
        "Logo size": "auto",
    }
    for label, value in controls.items():
        assert page.get_by_label(label, exact=True).input_value() == value
    assert picture(page) == {"url": f"{PUBLISHED}/pydantic.json"}
    assert settled(page) == "pydantic"
    stats = json.loads((site.docs / "pydantic/stats.json").read_bytes())
    (listing,) = (each for each in listings(site) if each["name"] == "pydantic")
    change = f"{100 * (listing['month'] / listing['previous_month'] - 1):+.1f}%".replace("-", "−")
    assert page.locator("#figures").inner_text().split("\n")[:8] == [
        *(f"{stats['total_downloads']:,}", "Total"),
        *(f"{stats['last_month']:,}", f"Last 30 days {change}"),
        *(f"{stats['last_week']:,}", "Last 7 days"),
        *(f"{stats['last_day']:,}", "Last day"),
    ]
    images = page.locator(".cards label:not([hidden]) img")
    alts = images.evaluate_all("(all) => all.map((image) => image.alt)")
    counts = [listing[metric] for metric in ("total", "month", "week", "day")]
    assert alts == [f"installs: {script.format_count(count)}" for count in counts]
    page.get_by_role("link", name="All packages").click()
    expect(page).to_have_title("Download badges for Python packages")


def test_all_four_metrics_are_side_by_side_in_the_chosen_look(visitor: Visit) -> None:
    page = visitor.open("#requests?style=plastic&color=orange")
    images = page.locator(".cards label:not([hidden]) img")
    expect(images).to_have_count(4)
    for metric in ("total", "month", "week", "day"):
        path = "requests.json" if metric == "total" else f"requests/{metric}.json"
        assert picture(page, metric) == {
            "url": f"{PUBLISHED}/{path}",
            "style": "plastic",
            "color": "orange",
        }
        page.locator(f".cards label:has([value={metric}])").click()
        assert quote(f"{PUBLISHED}/{path}", safe="") in page.locator("#code").input_value()
        assert (f"metric={metric}" in settled(page)) == (metric != "total")
    for image in images.all():
        assert image.evaluate("(image) => image.complete && image.naturalWidth > 0")
    tops = {box["y"] for image in images.all() if (box := image.bounding_box())}
    assert len(tops) == 1


@pytest.mark.parametrize(
    ("control", "value", "override"),
    [
        ("Style", "for-the-badge", {"style": "for-the-badge"}),
        ("Label", "installs & more", {"label": "installs & more"}),
        ("Label", "", {"label": ""}),
        ("Label", "日本語 (100%) _x_ *y*", {"label": "日本語 (100%) _x_ *y*"}),
        ("Colour", "orange", {"color": "orange"}),
        ("Colour", "#FE7D37", {"color": "fe7d37"}),
        ("Colour", "rgb(1, 2, 3)", {"color": "rgb(1, 2, 3)"}),
        ("Colour", "tomato", {"color": "tomato"}),
        ("Colour", " Success ", {"color": "success"}),
        ("Colour", "", {}),
        ("Colour", "blue", {}),
        ("Label colour", "black", {"labelColor": "black"}),
        ("Label colour", "#555", {}),
        ("Logo", "python", {"logo": "python"}),
        ("Logo colour", "white", {}),  # of no logo
    ],
)
def test_every_control_changes_picture_code_and_address(
    visitor: Visit, control: str, value: str, override: dict[str, str]
) -> None:
    page = visitor.open("#requests")
    field = page.get_by_label(control, exact=True)
    if control == "Style":
        field.select_option(value)
    else:
        field.fill(value)
    fragment = settled(page)
    assert picture(page) == {"url": f"{PUBLISHED}/requests.json"} | override
    assert dict(parse_qsl(fragment.partition("?")[2], keep_blank_values=True)) == override
    address = code(page, "address")
    assert dict(parse_qsl(urlsplit(address).query, keep_blank_values=True)) == picture(page)


def test_only_what_differs_from_the_packages_own_look_is_in_the_address(visitor: Visit) -> None:
    own = "style=flat-square&label=installs&color=%23E92063"
    logo = "logo=pydantic&logoColor=white&logoSize=auto"
    page = visitor.open(f"#pydantic?{own}&{logo}")
    assert settled(page) == "pydantic"
    page.get_by_label("Style", exact=True).select_option("flat")
    assert settled(page) == "pydantic?style=flat"
    page.get_by_label("Style", exact=True).select_option("flat-square")
    assert settled(page) == "pydantic"
    # Another logo doesn't inherit the colour and size of the own one, as Shields has it.
    page.get_by_label("Logo", exact=True).fill("python")
    assert settled(page) == "pydantic?logo=python&logoColor=white&logoSize=auto"
    page.get_by_role("button", name="Reset the look").click()
    assert settled(page) == "pydantic"
    expect(page.get_by_role("button", name="Reset the look")).to_be_disabled()


def test_the_own_logo_can_be_shown_without_its_own_colour_and_size(visitor: Visit) -> None:
    """Shields drops them as soon as an address names a logo, be it the same one."""
    page = visitor.open("#pydantic")
    page.get_by_label("Logo colour", exact=True).fill("")
    assert settled(page) == "pydantic?logo=pydantic&logoSize=auto"
    page.reload()
    visitor.ready()
    expect(page.get_by_label("Logo colour", exact=True)).to_have_value("")
    assert settled(page) == "pydantic?logo=pydantic&logoSize=auto"
    page.get_by_label("Logo", exact=True).fill("")  # which an address can't take away
    assert page.get_by_label("Logo", exact=True).get_attribute("placeholder") == "pydantic"


def test_a_side_without_a_label_can_be_coloured(visitor: Visit) -> None:
    page = visitor.open("#drawn")
    page.get_by_label("Label colour", exact=True).fill("grey")
    assert settled(page) == "drawn?labelColor=grey"


COLOURS = re.split(
    r"\s+",
    """
    blue tomato brightgreen success inactive rebeccapurple grey gray #fff fff #fe7d37 fe7d37 #ffff
    #ff000080 rgb(1,2,3) rgb(1,2,3,0.5) rgba(1,2,3,50%) rgb(1%,2%,3%) hsl(1,2%,3%)
    hsl(120deg,50%,50%) hsla(1turn,2%,3%,.5)

    blu ffff ff000080 #12345 inherit initial currentcolor rgb(1,2) rgb(1.5,2,3) hsl(1,2,3)
    hsl(-1,2%,3%) url(x) var(--x) color-mix(in_srgb,red,blue) oklch(1,2,3) <b>""".strip(),
)


def test_a_colour_is_one_for_the_page_if_it_is_one_for_the_list(visitor: Visit) -> None:
    page = visitor.open()
    known = page.evaluate(
        "async (all) => { const b = await import('./badge.js'); return all.map(b.isColour); }",
        [colour.lower() for colour in COLOURS],
    )
    listed = []
    for colour in COLOURS:
        try:
            script.Look(color=colour)
        except ValueError:
            listed.append(False)
        else:
            listed.append(True)
    assert dict(zip(COLOURS, known, strict=True)) == dict(zip(COLOURS, listed, strict=True))
    assert 0 < sum(listed) < len(COLOURS)


def test_what_shields_does_not_know_is_told_and_stays_out_of_the_address(visitor: Visit) -> None:
    page = visitor.open("#requests")
    for control, text in (
        ("Colour", "blu"),
        ("Label colour", "url(x)"),
        ("Logo colour", "#12345"),
        ("Logo", "<svg>"),
    ):
        field = page.get_by_label(control, exact=True)
        field.fill(text)
        assert field.get_attribute("aria-invalid") == "true"
        told = page.locator(f"#{field.get_attribute('id')}-wrong")
        assert told.inner_text()
        assert (field.get_attribute("aria-describedby") or "").endswith("-wrong")
        assert settled(page) == "requests"
        field.fill("")
        assert field.get_attribute("aria-invalid") is None
    assert picture(page) == {"url": f"{PUBLISHED}/requests.json"}


def test_a_colour_can_be_picked(visitor: Visit) -> None:
    page = visitor.open("#requests")
    picker = page.get_by_label("Pick the colour")
    assert picker.input_value() == "#007ec6"
    picker.fill("#112233")
    assert page.get_by_label("Colour", exact=True).input_value() == "#112233"
    assert settled(page) == "requests?color=112233"
    page.get_by_label("Colour", exact=True).fill("tomato")
    assert picker.input_value() == "#ff6347"


def test_common_logos_and_colours_are_suggested(visitor: Visit) -> None:
    page = visitor.open("#requests")
    for control, suggested in (("Logo", "python"), ("Colour", "brightgreen")):
        options = page.get_by_label(control, exact=True).get_attribute("list")
        values = page.locator(f"#{options} option").evaluate_all("(all) => all.map((o) => o.value)")
        assert suggested in values
    assert len(values) == len(set(values)) == 9


# --- the code


class Tags(HTMLParser):
    """What images and links an HTML text has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("a", "img"):
            self.found.append((tag, dict(attrs)))

    def badge(self) -> tuple[str | None, str | None, str | None]:
        """The picture's address, its alternative text, and the link, if it is within one."""
        images = [attributes for tag, attributes in self.found if tag == "img"]
        links = [attributes for tag, attributes in self.found if tag == "a"]
        (image,) = images
        assert len(links) <= 1
        return image["src"], image.get("alt"), links[0]["href"] if links else None


def from_asciidoc(text: str) -> str:
    output = StringIO()
    api = AsciiDocAPI()
    api.options("--no-header-footer")
    api.execute(StringIO(text), output, backend="html5")
    return output.getvalue()


def from_rst(text: str) -> str:
    tree = publish_doctree(text, settings_overrides={"report_level": 5, "halt_level": 5})
    (image,) = tree.findall(nodes.image)
    link = image.parent["refuri"] if isinstance(image.parent, nodes.reference) else None
    shown = f'<img src="{escape(image["uri"])}" alt="{escape(image["alt"])}">'
    return f'<a href="{escape(link)}">{shown}</a>' if link else shown


RENDERERS: dict[str, Callable[[str], str]] = {
    "markdown": MarkdownIt().render,
    "html": str,
    "rst": from_rst,
    "asciidoc": from_asciidoc,
}
HARD_LOOK = (
    "label=%3Cb%3E+(1)+%5B2%5D+__x__+*y*+%60z%60+%26amp%3B+%22q%22+'s'+a,b;c|d~e&logo=python"
)
HARD_LINK = (
    "https://example.org/a_(b)/__init__/_c_/@me/x--y...z/1+2+3/*?x=[1],2&y='3'~4|5_"
    "&z={sys:id}{counter:c}{user-home}&w=a\\b^c^&v=+d+&copy;&q=$$e$$#f#g#"
)


@pytest.mark.parametrize("fragment", ["requests", f"requests?{HARD_LOOK}", "requests?metric=week"])
@pytest.mark.parametrize("link", ["pepy", "pypistats", HARD_LINK, ""])
def test_every_format_renders_to_the_picture_and_the_link(
    visitor: Visit, fragment: str, link: str
) -> None:
    joint = "&" if "?" in fragment else "?"
    page = visitor.open(f"#{fragment}{joint}link={quote(link, safe='')}")
    address = code(page, "address")
    query = dict(parse_qsl(urlsplit(address).query))
    metric = "/week" if "week" in fragment else ""
    assert query["url"] == f"{PUBLISHED}/requests{metric}.json"
    if "label" in fragment:
        assert query["label"] == "<b> (1) [2] __x__ *y* `z` &amp; \"q\" 's' a,b;c|d~e"
        assert query["logo"] == "python"
    wanted = {
        "pepy": "https://pepy.tech/projects/requests",
        "pypistats": "https://pypistats.org/packages/requests",
        "": None,
    }.get(link, HARD_LINK)
    for markup, render in RENDERERS.items():
        text = code(page, markup)
        source, alternative, target = Tags(render(text)).badge()
        assert (source, alternative) == (address, "Downloads"), text
        assert (target and parse_link(target)) == (wanted and parse_link(wanted)), text


def parse_link(address: str) -> tuple[str, list[str], dict[str, list[str]], str]:
    parts = urlsplit(address)
    path = [unquote(step) for step in parts.path.split("/")]
    return parts.netloc, path, parse_qs(parts.query), unquote(parts.fragment)


def test_a_click_can_lead_anywhere_on_the_web_and_nowhere_else(visitor: Visit) -> None:
    page = visitor.open("#requests")
    expect(page.locator("#target")).to_be_hidden()
    page.locator("#links label", has_text="pypistats.org").click()
    assert code(page).endswith("](https://pypistats.org/packages/requests)")
    page.locator("#links label", has_text="Another address").click()
    target = page.locator("#target")
    target.fill("https://example.org/docs")
    assert code(page).endswith("](https://example.org/docs)")
    assert "link=https%3A%2F%2Fexample.org%2Fdocs" in settled(page)
    hostile = ("javascript:alert(1)", "data:text/html,x", "ftp://example.org", "example")
    for text in (*hostile, "https://user:password@example.org"):
        target.fill(text)
        assert target.get_attribute("aria-invalid") == "true"
        assert code(page).startswith("![Downloads](https://img.shields.io/")
        assert "javascript" not in settled(page)


def test_copying_puts_the_code_on_the_clipboard_and_says_so(visitor: Visit) -> None:
    page = visitor.open("#requests?metric=month")
    for markup, told in (
        ("markdown", "Copied as Markdown."),
        ("address", "Copied as Plain address."),
    ):
        text = code(page, markup)
        page.get_by_role("button", name="Copy", exact=True).click()
        expect(page.locator("#copied")).to_have_text(told)
        assert page.evaluate("navigator.clipboard.readText()") == text
    assert page.locator("#copied").get_attribute("role") == "status"
    page.get_by_label("Style", exact=True).select_option("plastic")
    expect(page.locator("#copied")).to_have_text("")  # as that is no longer what was copied


def test_where_copying_is_not_allowed_the_code_is_selected(visitor: Visit) -> None:
    page = visitor.open("#requests")
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.locator("#copied")).to_contain_text("press Ctrl")
    selected = page.evaluate("document.activeElement.selectionEnd")
    assert selected == len(page.locator("#code").input_value())


# --- who downloads it, and its chart


def test_a_breakdown_is_two_more_metrics(visitor: Visit, site: Site) -> None:
    page = visitor.open("#requests")
    expect(page.locator(".cards label:visible")).to_have_count(4)
    page = visitor.open("#exact?color=orange")
    cards = page.locator(".cards label:visible")
    expect(cards).to_have_count(6)
    (listing,) = (each for each in listings(site) if each["name"] == "exact")
    for metric in ("python", "system"):
        badge = json.loads((site.docs / f"exact/{metric}.json").read_bytes())
        assert badge["message"] == listing[metric]
        cards.locator(f"[value={metric}]").check(force=True)
        assert picture(page, metric) == {
            "url": f"{PUBLISHED}/exact/{metric}.json",
            "color": "orange",
        }
        image = page.locator(f".cards label:has([value={metric}]) img")
        assert image.get_attribute("alt") == f"{metric}: {listing[metric]}"
        assert quote(f"{PUBLISHED}/exact/{metric}.json", safe="") in code(page)
        text = {"python": "Python versions", "system": "Operating system"}[metric]
        assert code(page).startswith(f"[![{text}](")
        assert f"metric={metric}" in settled(page)
    assert page.locator("#preview").get_attribute("src") == image.get_attribute("src")


def test_a_breakdowns_badge_has_a_label_of_its_own(visitor: Visit) -> None:
    page = visitor.open("#exact")
    label = page.get_by_label("Label", exact=True)
    expect(label).to_have_value("downloads")
    page.locator(".cards label:has([value=python])").click()
    expect(label).to_have_value("python")
    assert settled(page) == "exact?metric=python"
    label.fill("runs on")
    assert settled(page) == "exact?metric=python&label=runs+on"
    assert picture(page, "python")["label"] == "runs on"
    page.locator(".cards label:has([value=system])").click()
    expect(label).to_have_value("runs on")  # chosen, so kept
    page.get_by_role("button", name="Reset the look").click()
    expect(label).to_have_value("system")
    page.locator(".cards label:has([value=total])").click()
    expect(label).to_have_value("downloads")
    assert settled(page) == "exact"
    label.fill("python")
    page.locator(".cards label:has([value=python])").click()
    page.locator(".cards label:has([value=total])").click()
    expect(label).to_have_value("python")  # written, whatever it is
    visitor.open("#exact")
    visitor.open("#exact?metric=system&label=downloads")
    expect(label).to_have_value("downloads")
    assert picture(page, "system")["label"] == "downloads"


def test_without_a_breakdown_there_is_no_such_metric(visitor: Visit) -> None:
    page = visitor.open("#requests?metric=python&label=versions&color=red")
    assert page.locator("[name=metric]:checked").get_attribute("value") == "total"
    assert settled(page) == "requests?color=red"
    expect(page.locator("#notice")).to_have_text(
        "There is no such badge of this package here: this is its total."
    )
    expect(page.locator("#breakdown")).to_be_hidden()


def test_weeks_without_figures_are_a_gap(visitor: Visit) -> None:
    days = [date(2025, 1, 1) + timedelta(days=n) for n in (*range(28), *range(364, 392))]
    table = "\n".join(["date,3.12,unknown", *(f"{day},5,1" for day in days)])
    visitor.context.route(
        re.compile(rf"{visitor.site.address}/exact/python\.csv"),
        lambda route: route.fulfill(body=table),
    )
    page = visitor.open("#exact")
    (band,) = page.locator(".bands path").all()
    outlines = (band.get_attribute("d") or "").split("Z")[:-1]
    places = [[float(x) for x in re.findall(r"[ML]([\d.]+) ", outline)] for outline in outlines]
    assert [(min(run), round(max(run))) for run in places] == [(0, 33), (567.3, 600)]


def test_a_month_that_names_nothing_is_not_shown(visitor: Visit) -> None:
    visitor.context.route(
        re.compile(rf"{visitor.site.address}/exact/(python|system)\.csv"),
        lambda route: route.fulfill(body="date,3.12,unknown\n2026-01-12,5,1\n2026-03-01,,7\n"),
    )
    page = visitor.open("#exact")
    expect(page.locator(".bands")).to_be_visible()
    expect(page.locator(".bars")).to_have_count(0)


def test_a_pasted_badge_of_a_breakdown_comes_back(visitor: Visit) -> None:
    page = visitor.open()
    address = f"{SHIELDS}/endpoint?url={quote(f'{PUBLISHED}/exact/python.json', safe='')}&color=red"
    page.locator("#paste").fill(f"![]({address})")
    visitor.ready()
    assert settled(page) == "exact?metric=python&color=red"


def test_a_breakdown_is_shown_as_it_is_kept(visitor: Visit, site: Site) -> None:
    page = visitor.open("#exact")
    expect(page.locator("#breakdown")).to_be_visible()
    for number, name in enumerate(("python", "system")):
        table = script.parse_table((site.docs / f"exact/{name}.csv").read_bytes())
        known = [each for each in script.last_month(table) if each[0] != script.UNKNOWN]
        total = sum(downloads for _, downloads in known)
        rows = page.locator(".bars").nth(number).locator("li")
        shown = [row.inner_text().split() for row in rows.all()]
        assert [row[0] for row in shown] == [heading for heading, _ in known]
        for (_, percent), (_, downloads), row in zip(shown, known, rows.all(), strict=True):
            share = 100 * downloads / total
            assert percent == (f"{share:.0f}%" if share >= 9.5 else f"{share:.1f}%")
            assert row.get_attribute("title") == f"{downloads:,} downloads"
            bar = row.locator(".bar").bounding_box()
            track = row.locator(".track").bounding_box()
            assert bar
            assert track
            assert abs(bar["width"] - max(2, track["width"] * downloads / total)) < 1
    newest = datetime.now(UTC).date() - timedelta(days=1)
    until = f"30 days up to {newest.day} {newest:%B %Y}"
    assert page.locator("#breakdown").inner_text().count(until) == 2


def test_shares_over_time_fill_the_whole_and_say_where_they_began(
    visitor: Visit, site: Site
) -> None:
    page = visitor.open("#exact")
    newest = datetime.now(UTC).date() - timedelta(days=1)
    first = newest - timedelta(days=25 * 7 - 1)
    expect(page.locator(".bands h3")).to_have_text(
        "Python versions over time by week, "
        f"{first.day} {first:%B %Y} to {newest.day} {newest:%B %Y}"
    )
    bands = page.locator(".bands path").evaluate_all(
        "(all) => all.map((band) => band.getAttribute('d'))"
    )
    edges = [
        [tuple(map(float, point.split())) for point in band[1:-1].split("L")] for band in bands
    ]
    assert all(len(edge) == 50 for edge in edges)
    assert {y for _, y in edges[0][25:]} == {200.0}, "the lowest stands on the ground"
    assert {y for _, y in edges[-1][:25]} == {0.0}, "the highest reaches the top"
    for lower, upper in pairwise(edges):
        assert lower[:25] == upper[25:][::-1], "each stands on the one below"
    table = script.parse_table((site.docs / "exact/python.csv").read_bytes())
    known = {version: column for version, column in table.items() if version != script.UNKNOWN}
    ends = [newest - timedelta(weeks=back) for back in range(24, -1, -1)]
    shares: dict[str, list[float]] = {version: [] for version in known}
    for end in ends:
        sums = {version: sum(script.window(column, end, 7)) for version, column in known.items()}
        for version, downloads in sums.items():
            shares[version].append(100 * downloads / sum(sums.values()))
    told = sorted(shares, key=lambda version: -max(shares[version]))[:7]
    rows = [row.inner_text().split() for row in page.locator(".legend li").all()]
    assert [row[0] for row in rows] == [*(v for v in [*known][::-1] if v in told), "others"]
    for version, *ends_shown in [(row[0], row[1], row[3]) for row in rows[:-1]]:
        for shown, share in zip(ends_shown, (shares[version][0], shares[version][-1]), strict=True):
            rounded = f"{share:.0f}%" if share >= 9.5 else f"{share:.1f}%"
            assert shown == ("0%" if share == 0 else rounded)
    coloured = page.locator(".bands path, .legend .swatch")
    classes = coloured.evaluate_all(
        "(all) => all.map((each) => each.getAttribute('class').slice(-6))"
    )
    assert classes[:8] == [f"band-{n}" for n in range(8)]
    assert classes[8:] == classes[:8][::-1]
    assert page.locator(".bands svg").get_attribute("role") == "img"


def test_a_breakdown_that_cannot_be_read_is_not_shown(visitor: Visit) -> None:
    pattern = re.compile(rf"{visitor.site.address}/exact/(python|system)\.csv")
    visitor.context.route(pattern, lambda route: route.fulfill(status=404))
    page = visitor.open("#exact")
    settled(page)
    expect(page.locator("#breakdown")).to_be_hidden()
    expect(page.locator("#chart")).to_be_visible()


def hold(visitor: Visit, path: str) -> list[Route]:
    """The requests for a file of the site, held back until somebody continues them."""
    held: list[Route] = []

    def later(route: Route) -> None:
        held.append(route)

    visitor.context.route(f"{visitor.site.address}/{path}", later)
    return held


def test_nothing_is_shown_below_the_builder_before_that_is_there(visitor: Visit) -> None:
    page = visitor.page
    held = hold(visitor, "exact.json")
    page.goto(f"{visitor.site.address}/#exact")
    expect(page.locator("#parts .bars")).to_have_count(2)
    expect(page.locator("#chart")).to_be_hidden()
    held[0].continue_()
    expect(page.locator("#chart")).to_be_visible()


def test_going_back_within_a_package_leaves_its_details_alone(visitor: Visit) -> None:
    page = visitor.open("#exact")
    expect(page.locator("#breakdown")).to_be_visible()
    page.get_by_label("Label", exact=True).fill("mine")
    assert settled(page) == "exact?label=mine"
    page.locator(".bars").first.evaluate("(bars) => (bars.id = 'same')")
    page.go_back()
    expect(page.get_by_label("Label", exact=True)).to_have_value("downloads")
    expect(page.locator("#same")).to_be_visible()


def test_what_arrives_late_is_not_shown_for_another_package(visitor: Visit) -> None:
    page = visitor.page
    held = hold(visitor, "exact/python.csv")
    visitor.open("#exact")
    page.evaluate("location.hash = 'requests'")
    expect(page.locator("h1:visible")).to_have_text("requests")
    assert held
    for route in held:
        route.continue_()
    settled(page)
    expect(page.locator("#breakdown")).to_be_hidden()


def test_the_charts_markdown_is_there_to_copy(visitor: Visit, site: Site) -> None:
    page = visitor.open("#exact")
    image = page.locator("#chart")
    image.scroll_into_view_if_needed()
    expect(image).to_have_js_property("complete", value=True)
    assert image.evaluate("(image) => image.naturalWidth") == 480
    page.get_by_role("button", name="Copy the chart").click()
    expect(page.locator("#chart-copied")).to_have_text("Copied as Markdown.")
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == page.locator("#chart-code").input_value()
    source, _, link = Tags(MarkdownIt().render(text)).badge()
    assert link == "https://pepy.tech/projects/exact"
    assert source == f"{PUBLISHED}/exact/chart.svg"
    assert site.read(source).startswith(b"<svg")
    page = visitor.open("#requests")
    assert "requests/chart.svg" in page.locator("#chart-code").input_value()
    expect(page.locator("#chart-copied")).to_have_text("")


def contrast(one: list[int], other: list[int]) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""

    def luminance(colour: list[int]) -> float:
        parts = [c / 255 / 12.92 if c < 11 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("scheme", "paper"), [("light", 255), ("dark", 17)])
def test_a_chart_has_the_readers_colours(
    browser: Browser, site: Site, scheme: Any, paper: int
) -> None:
    with visit(browser, site, color_scheme=scheme) as visitor:
        page = visitor.page
        page.goto(f"{site.address}/exact/chart.svg")
        colours = page.evaluate(
            """() => Object.fromEntries(["paper", "ink", "muted", "grid", "days", "average"].map(
                (name) => {
                    const style = getComputedStyle(document.querySelector(`.${name}`));
                    const isLine = style.stroke !== "none";
                    if (isLine && style.fill !== "none") throw new Error(`${name} is filled`);
                    return [name, isLine ? style.stroke : style.fill];
                }))"""
        )
        rgb = {name: [*map(int, re.findall(r"\d+", text))] for name, text in colours.items()}
        assert abs(max(rgb["paper"]) - paper) < 20
        paired = {"ink": 7, "muted": 4.5, "days": 3, "average": 3}
        for name, least in paired.items():
            assert contrast(rgb[name], rgb["paper"]) >= least, name
        assert contrast(rgb["average"], rgb["days"]) >= 3
        for text in page.locator("text").all():
            box = text.bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 480
            assert box["height"] >= 10


# --- the badge that somebody has

SHIELDS = "https://img.shields.io"
PEPY = "https://static.pepy.tech"
PASTED = tomllib.loads((ROOT / "tests/pasted.toml").read_text(encoding="utf-8"))["badge"]


@pytest.mark.parametrize("badge", PASTED, ids=lambda badge: badge["text"])
def test_a_pasted_badge_opens_as_its_replacement(visitor: Visit, badge: dict[str, Any]) -> None:
    page = visitor.open()
    page.get_by_label("paste the badge").fill(badge["text"])
    expect(page.locator("h1:visible")).to_have_text("requests")
    expect(page.locator("#notice")).to_contain_text("copy it over the old one")
    metric, markup = badge["metric"], badge["markup"]
    path = "requests.json" if metric == "total" else f"requests/{metric}.json"
    assert picture(page, metric) == {"url": f"{PUBLISHED}/{path}"} | badge["override"]
    assert page.locator("[name=metric]:checked").get_attribute("value") == metric
    assert page.locator("[name=format]:checked").get_attribute("value") == markup
    replacement = page.locator("#code").input_value()
    if markup == "address":
        query = dict(parse_qsl(urlsplit(replacement).query, keep_blank_values=True))
        assert query == picture(page, metric)
    else:
        assert Tags(RENDERERS[markup](replacement)).badge()[2] == badge["link"]
    assert page.get_by_label("paste the badge").input_value() == ""


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("none", "red"),
        ("one-digit", "yellow"),
        ("two-digits", "yellowgreen"),
        ("three-digits", "green"),
        ("four-digits", "brightgreen"),
    ],
)
def test_the_colour_that_shields_gave_the_count_is_kept(
    visitor: Visit, name: str, colour: str
) -> None:
    page = visitor.open()
    page.get_by_label("paste the badge").fill(f"{SHIELDS}/pepy/dt/{name}")
    assert settled(page) == f"{name}?color={colour}&format=address"


def test_a_look_of_its_own_does_not_leak_into_the_replacement(visitor: Visit) -> None:
    page = visitor.open()
    page.get_by_label("paste the badge").fill(f"![]({PEPY}/badge/pydantic)")
    expect(page.locator("#notice")).to_contain_text("has a logo, which an address can replace")
    assert settled(page) == "pydantic?style=flat&label=downloads&color=blue&labelColor=grey"


@pytest.mark.parametrize(
    ("project", "units", "differ"),
    [
        ("requests", "none", True),
        ("requests", "international_system", True),
        ("requests", "ABBREVIATION", False),
        ("exact", "none", False),
        ("exact", "abbreviation", False),  # small numbers need no unit
        ("requests", "unheard-of", False),
    ],
)
def test_units_that_an_address_can_not_keep_are_told(
    visitor: Visit, project: str, units: str, differ: bool
) -> None:
    page = visitor.open()
    badge = f"{PEPY}/personalized-badge/{project}?period=total&units={units}"
    page.get_by_label("paste the badge").fill(badge)
    expect(page.locator("#notice")).to_contain_text("copy it over")
    assert ("units" in page.locator("#notice").inner_text()) == differ


def test_a_pasted_badge_of_a_missing_package_leads_to_the_form_and_back(visitor: Visit) -> None:
    page = visitor.open()
    badge = f"[![d]({SHIELDS}/pypi/dm/Flask_Login?style=social)](https://example.org)"
    page.get_by_label("paste the badge").fill(badge)
    expect(page.locator("h1:visible")).to_have_text("flask-login")
    form = "https://github.com/someone/stats/issues/new?template=add-package.yml"
    link = page.get_by_role("link", name="Add flask-login")
    assert link.get_attribute("href") == f"{form}&packages=flask-login"
    assert "style=social" in settled(page)  # for when it is there


BADGE = f"{SHIELDS}/pypi/dm/requests"


SLOW = [
    "<a x href=y" * 100_000 + BADGE,
    BADGE + "<a " * 100_000,
    "<a " * 5_000 + BADGE,
    BADGE + "\n :a-a:" + " " * 1_000_000,
    "//a" + "." * 100_000 + "a",
    f"{PEPY}/personalized-badge/requests?left_text=" + "+" * 100_000 + "x",
    BADGE + "\n" * 100_000,
    BADGE + "\n.. " + "image:" * 100_000,
    BADGE + "(" * 100_000,
    "(x" * 100_000,
    "https://" * 100_000,
]


def test_no_text_holds_the_page_up(visitor: Visit) -> None:
    took = visitor.open().evaluate(
        """async ([texts, site]) => {
            const { readBadge } = await import("./badge.js");
            return texts.map((text) => {
                const start = performance.now();
                readBadge(text, site);
                return performance.now() - start;
            });
        }""",
        [SLOW, PUBLISHED],
    )
    assert max(took) < 1000, took  # milliseconds


NO_BADGES = [
    "requests",
    f"{SHIELDS}/pypi/v/requests",
    f"{SHIELDS}/pypi/dm/",
    f"{SHIELDS}/pypi/dm/%E0%A4%A",
    f"{SHIELDS}/pypi/dm/a%2Fb",
    f"{SHIELDS}/pypi/dm/<script>alert(1)</script>",
    f"{SHIELDS}/endpoint?url=https://elsewhere.example/requests.json",
    "https://evil.example/pypi/dm/requests",
    "https://img.shields.io.evil.example/pypi/dm/requests",
    "https://notpepy.tech/badge/requests",
    "https://camo.githubusercontent.com/x/zz",
    "https://[",
    "<img src=x onerror=alert(1)>",
    "a" * 100_000,
    "![](" * 20_000,
]


def test_what_is_no_download_badge_is_told(visitor: Visit) -> None:
    page = visitor.open()
    field = page.get_by_label("paste the badge")
    for text in NO_BADGES:
        field.fill(text)
        expect(page.locator("#paste-told")).to_contain_text("no download badge")
        expect(page.locator("#list")).to_be_visible()
        assert field.get_attribute("aria-invalid") == "true"
        field.fill("")
        expect(page.locator("#paste-told")).to_have_text("")
        assert field.get_attribute("aria-invalid") is None


def test_what_is_said_of_a_pasted_badge_is_not_said_of_the_next_package(visitor: Visit) -> None:
    page = visitor.open()
    page.get_by_label("paste the badge").fill(f"{PEPY}/badge/requests")
    expect(page.locator("#notice")).to_contain_text("copy it over")
    page.get_by_role("link", name="All packages").click()
    page.locator("tbody a", has_text="pydantic").click()
    visitor.ready()
    expect(page.locator("#notice")).to_have_text("")


def test_a_badge_pasted_into_the_search_is_understood(visitor: Visit) -> None:
    page = visitor.open()
    page.evaluate("(text) => navigator.clipboard.writeText(text)", f"![]({PEPY}/badge/requests)")
    page.get_by_label("Find your package").press("ControlOrMeta+v")
    expect(page.locator("h1:visible")).to_have_text("requests")


# --- addresses


def test_everything_chosen_can_be_shared(visitor: Visit, browser: Browser, site: Site) -> None:
    page = visitor.open("#requests")
    page.locator(".cards label", has_text="7 days").click()
    page.get_by_label("Style", exact=True).select_option("for-the-badge")
    for control, value in (
        ("Label", "a & b=c #d"),
        ("Colour", "#123456"),
        ("Label colour", "white"),
        ("Logo", "python"),
        ("Logo colour", "red"),
    ):
        page.get_by_label(control, exact=True).fill(value)
    page.get_by_label("Logo size").select_option("auto")
    page.locator("#links label", has_text="Another address").click()
    page.locator("#target").fill("https://example.org/?q=1#top")
    text = code(page, "rst")
    settled(page)
    with visit(browser, site) as other:
        other.page.goto(page.url)
        expect(other.page.locator("#code")).to_have_value(text)
        assert picture(other.page, "week") == picture(page, "week")
        assert settled(other.page) == urlsplit(page.url).fragment


def test_back_and_forward_undo_and_redo(visitor: Visit) -> None:
    page = visitor.open()
    page.locator("tbody a", has_text="requests").click()
    page.get_by_label("Style", exact=True).select_option("plastic")
    settled(page)
    label = page.get_by_label("Label", exact=True)
    label.fill("")
    label.press_sequentially("installs", delay=20)  # one step, however many keys
    assert settled(page) == "requests?style=plastic&label=installs"
    page.go_back()
    expect(label).to_have_value("downloads")
    assert picture(page) == {"url": f"{PUBLISHED}/requests.json", "style": "plastic"}
    page.go_back()
    expect(page.get_by_label("Style", exact=True)).to_have_value("flat")
    page.go_back()
    expect(page.locator("#list")).to_be_visible()
    for fragment in ("requests", "requests?style=plastic", "requests?style=plastic&label=installs"):
        page.go_forward()
        expect(page).to_have_url(re.compile(re.escape(f"#{fragment}") + "$"))
    expect(label).to_have_value("installs")
    assert picture(page)["label"] == "installs"


def test_the_pictures_wait_until_the_typing_rests(visitor: Visit) -> None:
    page = visitor.open("#requests")
    settled(page)
    before = len(visitor.pictures)
    page.get_by_label("Label", exact=True).evaluate(
        """(input) => {
            for (const text of ["o", "of", "of a", "of a friend"]) {
                input.value = text;
                input.dispatchEvent(new Event("input", { bubbles: true }));
            }
        }"""
    )
    assert settled(page) == "requests?label=of+a+friend"
    assert len(visitor.pictures) - before == 4


def test_leaving_in_mid_change_loses_nothing_and_brings_nothing_back(visitor: Visit) -> None:
    page = visitor.open("#requests")
    page.get_by_label("Label", exact=True).fill("mine")
    page.get_by_role("link", name="All packages").click()
    expect(page.locator("#list")).to_be_visible()
    page.wait_for_timeout(500)
    expect(page.locator("#list")).to_be_visible()
    assert urlsplit(page.url).fragment == ""
    page.go_back()
    expect(page.get_by_label("Label", exact=True)).to_have_value("mine")


def test_what_arrives_late_is_not_shown(visitor: Visit) -> None:
    page = visitor.open()
    late: list[Route] = []
    visitor.context.route(re.compile(r"/pydantic\.json"), lambda route: late.extend([route]))
    page.evaluate("location.hash = 'pydantic?color=red'")
    expect(page.locator("h1:visible")).to_have_text("pydantic")
    expect(page.locator("#look")).to_be_hidden()  # it would be another package's
    page.evaluate("location.hash = '?search=same'")
    expect(page.locator("#list")).to_be_visible()
    late[0].continue_()
    page.wait_for_timeout(300)
    assert urlsplit(page.url).fragment == "?search=same"
    page.evaluate("location.hash = 'requests'")
    visitor.ready()
    assert picture(page) == {"url": f"{PUBLISHED}/requests.json"}


@pytest.mark.parametrize(
    ("address", "repository"),
    [
        ("https://someone.github.io/stats/", "someone/stats"),
        ("https://someone.github.io/stats/index.html", "someone/stats"),
        ("https://someone.github.io/", "someone/someone.github.io"),
        ("https://badges.example.org/", None),
    ],
)
def test_a_fork_works_wherever_it_is_served(
    browser: Browser, site: Site, tmp_path: Path, address: str, repository: str | None
) -> None:
    shutil.copytree(site.docs, tmp_path / "docs")
    path = tmp_path / "docs" / script.CATALOGUE
    unknown = {"repository": None, "url": None}
    path.write_text(json.dumps(json.loads(path.read_bytes()) | unknown))
    where = address.removesuffix("index.html")
    with Site(tmp_path) as fork, visit(browser, fork) as visitor:

        def answer(route: Route) -> None:
            name = route.request.url.removeprefix(where).partition("?")[0] or "index.html"
            route.fulfill(path=tmp_path / "docs" / name)

        fork.published = where.removesuffix("/")
        visitor.context.route(f"{where}**", answer)
        visitor.page.goto(f"{address}#requests?metric=week")
        expect(visitor.page.locator("h1:visible")).to_have_text("requests")
        assert picture(visitor.page, "week")["url"] == f"{where}requests/week.json"
        add = visitor.page.get_by_role("link", name="Add a package")
        if repository is None:
            expect(add).to_be_hidden()
            visitor.page.evaluate("location.hash = 'not-here'")
            expect(visitor.page.locator("h1:visible")).to_have_text("not-here")
            expect(visitor.page.locator("#ask")).to_be_hidden()
        else:
            home = f"https://github.com/{repository}"
            assert add.get_attribute("href") == f"{home}/issues/new?template=add-package.yml"
            source = visitor.page.get_by_role("link", name="Source")
            assert source.get_attribute("href") == home


# --- before there is anything, and when something is wrong


@pytest.fixture(scope="session")
def new_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site before its first run."""
    built = build(tmp_path_factory.mktemp("new"), '[[package]]\nname = "requests"\n', None)
    built.script("render", GITHUB_REPOSITORY="someone/stats")
    with built:
        yield built


def test_before_the_first_run_it_says_what_to_do(browser: Browser, new_site: Site) -> None:
    with visit(browser, new_site) as visitor:
        page = visitor.open("#requests")
        expect(page.locator("h1:visible")).to_have_text("No figures yet")
        home = "https://github.com/someone/stats"
        links = page.locator(".steps a").evaluate_all("(all) => all.map((a) => a.href)")
        assert links == [
            "https://pepy.tech/",
            f"{home}/settings/secrets/actions/new",
            f"{home}/edit/main/packages.toml",
            f"{home}/actions/workflows/update.yml",
        ]
        assert visitor.pictures == []


@pytest.mark.parametrize("status", [404, 500])
def test_without_a_catalogue_it_says_so(browser: Browser, site: Site, status: int) -> None:
    with visit(browser, site) as visitor:
        visitor.context.route("**/_packages.json", lambda route: route.fulfill(status=status))
        visitor.shields_is_down = True  # the console tells of the status
        page = visitor.open()
        told = {404: "No figures yet", 500: "The list could not be read"}
        expect(page.locator("h1:visible")).to_have_text(told[status])


def test_one_package_is_not_told_in_the_plural(browser: Browser, site: Site) -> None:
    with visit(browser, site) as visitor:
        catalogue = json.loads((site.docs / script.CATALOGUE).read_bytes())
        catalogue["packages"] = catalogue["packages"][:1]
        visitor.context.route("**/_packages.json", lambda route: route.fulfill(json=catalogue))
        page = visitor.open()
        expect(page.locator("#found")).to_have_text("1 package")
        assert "1 packages" not in page.locator("main").inner_text()


def test_where_shields_is_down_the_code_is_there_all_the_same(visitor: Visit) -> None:
    visitor.shields_is_down = True
    page = visitor.open("#requests")
    expect(page.locator("#undrawn")).to_be_visible()
    assert code(page).startswith("[![Downloads](https://img.shields.io/endpoint?url=")
    visitor.shields_is_down = False
    page.get_by_label("Style", exact=True).select_option("plastic")
    expect(page.locator("#undrawn")).to_be_hidden()


def test_where_a_packages_own_look_can_not_be_read_it_says_so(visitor: Visit) -> None:
    page = visitor.page
    visitor.context.route(
        re.compile(rf"{visitor.site.address}/requests\.json"),
        lambda route: route.fulfill(status=404),
    )
    visitor.open("#requests")
    expect(page.locator("#notice")).to_contain_text("settings could not be read")
    expect(page.locator("#code")).to_be_visible()


def test_without_javascript_it_explains_itself(browser: Browser, site: Site) -> None:
    with visit(browser, site, java_script_enabled=False) as visitor:
        visitor.page.goto(site.address)
        text = visitor.page.locator("noscript").inner_text()
        assert "JavaScript, which is off" in text
        assert "NAME/month.json" in text


@pytest.mark.parametrize(
    ("path", "way"),
    [
        ("/nothing", "Look for nothing"),
        ("/flask.json", "Look for flask"),
        ("/flask/month.json", "Look for flask"),
        ("/a/b/c/d", "Look for a"),
        ("/-", "All packages"),
        ("//evil.example/x", "Look for evil.example"),
    ],
)
def test_an_address_that_leads_nowhere_shows_the_way(visitor: Visit, path: str, way: str) -> None:
    visitor.page.goto(f"{visitor.site.address}{path}")
    expect(visitor.page.locator("h1")).to_have_text("Nothing is here")
    link = visitor.page.get_by_role("link", name=way, exact=True)
    expect(link).to_be_visible()
    assert visitor.page.locator("#ways a").count() == (1 if way == "All packages" else 2)
    link.click()
    visitor.ready()
    assert urlsplit(visitor.page.url).path == "/"


def test_an_address_that_leads_nowhere_in_a_project_site_leads_to_that(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    shutil.copytree(site.docs, tmp_path / "docs/stats")
    shutil.copy(site.docs / "404.html", tmp_path / "docs")
    with Site(tmp_path) as owner, visit(browser, owner) as visitor:
        for path, href in (
            ("/stats/flask/month.json", "/stats/#flask"),
            ("/stats/flask.json", "/stats/#flask"),
            ("/stats/a/b/c", "/stats/#a"),
        ):
            visitor.page.goto(f"{owner.address}{path}")
            expect(visitor.page.locator("#way")).to_have_attribute("href", href)
            expect(visitor.page.locator("#all")).to_have_attribute("href", "/stats/")


# --- for everybody


def test_the_keyboard_alone_does_everything(visitor: Visit) -> None:
    page = visitor.open()

    def focused(what: str) -> Any:
        return page.evaluate(f"document.activeElement.{what}")

    def tab_to(condition: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            ring = page.evaluate(
                """() => {
                    const active = document.activeElement, next = active.nextElementSibling;
                    const face = next?.matches(".face") ? next : active;
                    return getComputedStyle(face).outlineStyle;
                }"""
            )
            assert ring != "none", focused("outerHTML")  # one sees where one is
            if page.evaluate(f"((active) => {condition})(document.activeElement)"):
                return
        raise AssertionError(condition)

    page.keyboard.press("Tab")
    assert focused("id") == "skip"
    page.keyboard.press("Enter")
    assert focused("id") == "main"
    tab_to("active.id === 'search'")
    page.keyboard.type("reque")
    page.keyboard.press("Enter")
    expect(page.locator("h1:visible")).to_have_text("requests")
    expect(page.locator("h1:visible")).to_be_focused()
    visitor.ready()
    tab_to("active.name === 'metric'")
    page.keyboard.press("ArrowRight")
    tab_to("active.id === 'style'")
    page.keyboard.type("pl")
    for control, text in (("label", "mine"), ("color", "red"), ("logo", "python")):
        tab_to(f"active.id === '{control}'")
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(text)
        page.keyboard.press("Escape")  # the suggestions
    tab_to("active.name === 'link'")
    page.keyboard.press("ArrowRight")
    tab_to("active.name === 'format'")
    page.keyboard.press("ArrowRight")
    tab_to("active.id === 'copy'")
    page.keyboard.press("Enter")
    expect(page.locator("#copied")).to_have_text("Copied as HTML.")
    source, _, link = Tags(page.evaluate("navigator.clipboard.readText()")).badge()
    assert link == "https://pypistats.org/packages/requests"
    query = dict(parse_qsl(urlsplit(source or "").query))
    assert query == {
        "url": f"{PUBLISHED}/requests/month.json",
        "style": "plastic",
        "label": "mine",
        "color": "red",
        "logo": "python",
    }
    for _ in range(10):
        page.go_back()
        if page.locator("#list").is_visible():
            break
    for _ in range(40):
        page.keyboard.press("Tab")
        if focused("textContent") == "Month":
            break
    page.keyboard.press("Enter")
    assert page.locator("[data-key=month]").get_attribute("aria-sort") == "descending"


def test_the_chosen_badge_stays_in_sight_on_a_small_screen_and_hides_no_focus(
    browser: Browser, site: Site
) -> None:
    with visit(browser, site, 375, 667) as visitor:
        page = visitor.open("#requests?metric=week&link=https%3A%2F%2Fexample.org")
        page.locator("#copy").focus()
        assert page.locator("#preview").evaluate("(image) => image.getBoundingClientRect().top") > 0
        assert page.locator("#preview").get_attribute("src") == page.locator(
            ".cards label:has([value=week]) img"
        ).get_attribute("src")
        seen = []
        for _ in range(20):
            page.keyboard.press("Shift+Tab")
            seen.append(page.evaluate("document.activeElement.id || document.activeElement.name"))
            covered = page.evaluate(
                """() => {
                    const active = document.activeElement, next = active.nextElementSibling;
                    const box = (next?.matches(".face") ? next : active).getBoundingClientRect();
                    const preview = document.querySelector(".preview").getBoundingClientRect();
                    return preview.top <= 1 && box.top < preview.bottom - 1;
                }"""
            )
            assert not covered, seen[-1]
        assert {"target", "format", "logo", "style", "metric", "back"} <= set(seen)


@pytest.mark.parametrize(
    "fragment", ["", f"#{LONG}?style=for-the-badge", "#requests?link=", "#exact?metric=python"]
)
def test_it_fits_every_width(browser: Browser, site: Site, fragment: str) -> None:
    with visit(browser, site) as visitor:
        page = visitor.open(fragment)
        for width in (320, 375, 480, 600, 780, 800, 900, 1024, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


VIEWS = {
    "list": "",
    "search": "#?search=sam",
    "builder": f"#{LONG}?link=&style=for-the-badge&metric=month",
    "hostile": "#hostile-look",
    "breakdown": "#exact",
    "unlisted": "#not-here",
}


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 320)])
@pytest.mark.parametrize("view", [*VIEWS, "empty", "404"])
def test_it_is_accessible_and_fits(
    browser: Browser, site: Site, new_site: Site, view: str, scheme: Any, width: int
) -> None:
    where = new_site if view == "empty" else site
    with visit(browser, where, width, color_scheme=scheme) as visitor:
        if view == "404":
            visitor.page.goto(f"{where.address}/nothing/here")
            expect(visitor.page.locator("#way")).to_be_visible()
            visitor.page.wait_for_load_state("networkidle")
        else:
            visitor.open(VIEWS.get(view, ""))
            settled(visitor.page)
        if view in ("list", "search"):
            expect(visitor.page.get_by_role("table")).to_be_visible()  # which grids are not
            for told in ("#found", "#paste-told", "#add"):
                assert visitor.page.locator(told).get_attribute("role") == "status"
        results = Axe().run(visitor.page, options={"resultTypes": ["violations"]})
        assert results.violations_count == 0, results.generate_report()
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width


def test_errors_and_notices_are_accessible_too(browser: Browser, site: Site) -> None:
    for scheme in ("light", "dark"):
        with visit(browser, site, color_scheme=scheme) as visitor:
            visitor.shields_is_down = True
            page = visitor.open("#requests?link=")
            page.locator("#target").fill("javascript:1")
            page.get_by_label("Colour", exact=True).fill("blu")
            page.get_by_role("button", name="Copy", exact=True).click()
            settled(page)
            results = Axe().run(page)
            assert results.violations_count == 0, results.generate_report()


def test_nothing_moves_for_those_who_asked_for_that(browser: Browser, site: Site) -> None:
    moving = """() => [...document.querySelectorAll("*")].filter((element) => {
        const style = getComputedStyle(element);
        return parseFloat(style.transitionDuration) > 0 || style.animationName !== "none"
            || style.scrollBehavior === "smooth";
    }).length"""
    found = []
    for choice in ("reduce", "no-preference"):
        with visit(browser, site, reduced_motion=choice) as visitor:
            found.append(visitor.open("#requests").evaluate(moving))
    assert found[0] == 0 < found[1]


# --- strangers

HOSTILE = "<img src=x onerror=alert(1)>\"'&"


@pytest.mark.parametrize(
    "fragment",
    [
        f"#{quote(HOSTILE)}",
        "#<script>alert(1)</script>",
        "#javascript:alert(1)",
        "#%E0%A4%A",
        "#%00",
        "#../../etc/passwd",
        "#__proto__",
        "#constructor?metric=constructor&format=__proto__&style=toString&link=hasOwnProperty",
        f"#?search={quote(HOSTILE)}&sort={quote(HOSTILE)}",
        f"#requests?label={quote(HOSTILE)}&color={quote(HOSTILE)}&style={quote(HOSTILE)}",
        f"#requests?logo={quote(HOSTILE)}&link={quote('javascript:alert(1)')}",
        f"#requests?metric={quote(HOSTILE)}&format={quote(HOSTILE)}",
        "#requests?metric=__proto__&format=constructor&link=__proto__",
        f"#requests?label={'x' * 5000}",
        f"#not-listed?label={quote(HOSTILE)}",
        "#hostile-look",
        "#requests?label=%F0%9F%92&label=b&url=https%3A%2F%2Fevil.example",
    ],
)
def test_a_hostile_address_shows_as_text_and_runs_nothing(visitor: Visit, fragment: str) -> None:
    page = visitor.open(fragment)
    settled(page)
    assert page.locator("img[src=x], main script").count() == 0
    links = page.locator("a").evaluate_all("(all) => all.map((a) => a.protocol)")
    assert set(links) <= {"http:", "https:", ":"}
    if page.locator("#builder").is_visible():
        for markup in ("markdown", "html", "rst", "asciidoc", "address"):
            text = code(page, markup)
            assert "onerror=alert" not in text
            assert "javascript:" not in text
            assert "evil" not in text


def test_a_hostile_catalogue_shows_as_text(browser: Browser, site: Site, tmp_path: Path) -> None:
    shutil.copytree(site.docs, tmp_path / "docs")
    path = tmp_path / "docs" / script.CATALOGUE
    catalogue = json.loads(path.read_bytes())
    catalogue["packages"][0] |= {"name": HOSTILE, "total": 0}
    path.write_text(json.dumps(catalogue))
    with Site(tmp_path) as hostile, visit(browser, hostile) as visitor:
        page = visitor.open()
        expect(page.locator("tbody")).to_contain_text(HOSTILE)
        assert page.locator("img[src=x]").count() == 0


def test_its_policy_allows_its_own_files_and_shields_and_nothing_else(visitor: Visit) -> None:
    page = visitor.open()
    kinds = ["img-src", "img-src", "frame-src", "style-src-elem", "style-src-attr", "connect-src"]
    kinds += ["base-uri", "form-action"]
    violations = page.evaluate(
        """async (kinds) => {
            const found = [];
            addEventListener("securitypolicyviolation", (e) => found.push(e.effectiveDirective));
            const add = (tag, properties) => document.body.append(
                Object.assign(document.createElement(tag), properties));
            add("img", { src: "https://elsewhere.example/x.png" });
            add("img", { src: "https://raw.shields.io/x.png" });
            add("iframe", { src: "https://elsewhere.example/" });
            add("link", { rel: "stylesheet", href: "https://elsewhere.example/x.css" });
            document.head.append(Object.assign(document.createElement("base"), { href: "/x/" }));
            add("form", { action: "https://elsewhere.example/" }); document.body.lastChild.submit();
            add("div", {}); document.body.lastChild.setAttribute("style", "color: red");
            await fetch("https://elsewhere.example/").catch(() => 0);
            for (const unsafe of [
                () => add("script", { src: "https://elsewhere.example/x.js" }),
                () => add("script", { text: "window.ran = 1" }),
                () => { document.body.lastChild.innerHTML = "<b>x</b>"; },
            ]) try { unsafe(); } catch (error) { found.push(error.name); }
            for (let tries = 0; tries < 100 && kinds.some((kind) => !found.includes(kind)); tries++)
                await new Promise((done) => setTimeout(done, 50));
            return found;
        }""",
        kinds,
    )
    assert sorted(kind for kind in violations if kind in kinds) == sorted(kinds)
    assert violations.count("TypeError") == 3
    assert page.evaluate("window.ran") is None
    visitor.mistakes.clear()  # which are those, told on the console


def test_the_hash_of_the_script_within_404_html_is_right(visitor: Visit) -> None:
    """Else the browser would refuse it: the ways would stay hidden."""
    visitor.page.goto(f"{visitor.site.address}/x")
    expect(visitor.page.locator("#ways")).to_be_visible()


def test_it_credits_pepy(visitor: Visit) -> None:
    footer = visitor.open().locator("footer")
    links = footer.locator("a").evaluate_all("(all) => all.map((a) => a.href)")
    assert {"https://pepy.tech/", "https://github.com/sponsors/psincraian"} <= set(links)


def test_it_has_a_title_a_description_and_an_icon(visitor: Visit) -> None:
    page = visitor.open()
    expect(page).to_have_title("Download badges for Python packages")
    description = page.locator("meta[name=description]").get_attribute("content")
    assert description
    assert 50 < len(description) < 160
    icon = page.locator("link[rel=icon]").get_attribute("href")
    assert visitor.site.read(f"{PUBLISHED}/{icon}").startswith(b"<svg")
