"""The page, in a real browser over a site that the script rendered: one test a journey."""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from html import unescape
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import ROOT, Visit, executable, launch, visit
from conftest import Project, daily
from markdown_it import MarkdownIt
from pepy import Pepy, newest_complete_day
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from pypistats import Pypistats
from served import PUBLISHED, Site
from shields import DRAWN, SPELLINGS, show

import script

if executable() is None:
    reason = "no browser: install Debian's package chromium, or Chrome"
    if os.environ.get("BROWSER") == "required":
        raise RuntimeError(reason)
    pytest.skip(reason, allow_module_level=True)

expect.set_options(timeout=15_000)  # a busy machine is no mistake
LONG = "a-" * 49 + "bc"
HOSTILE = "<img src=x onerror=alert(1)>\"'&"
LOOK = {"style": "flat-square", "label": "installs", "color": "#e92063", "labelColor": "black"}
LOOK |= {"namedLogo": "pydantic", "logoColor": "white", "logoSize": "auto"}
TABLES = (
    "\n".join(['name = "pydantic"', *(f'{key} = "{value}"' for key, value in LOOK.items())]),
    "name = 'drawn'\nlabel = ''\nlogoSvg = \"<svg xmlns='http://www.w3.org/2000/svg'/>\"",
    "name = 'exact'\nunits = 'none'\nbreakdown = true",
    f"name = '{LONG}'\nbreakdown = true",
    f"name = 'Hostile.Look'\nlabel = '''{HOSTILE}'''",
)
FAMILY = "\n[[family]]\nname = 'Steps'\nlabel = 'both'\npackages = ['rises', 'falls']"
PACKAGES = "\n[[package]]\n".join([f"site.url = '{PUBLISHED}'{FAMILY}", *TABLES, ""])
SMALL = {"none": 0, "one-digit": 9, "two-digits": 10, "three-digits": 100, "four-digits": 1000}
COLOURS = ("red", "yellow", "yellowgreen", "green", "brightgreen")  # that Shields gives to SMALL
COUNTS = {"rises": [10] * 30 + [13] * 30, "same": [7] * 60, "stale": [7] * 60}
COUNTS["falls"] = [5] * 340 + [20] * 30 + [10] * 30  # the only one with a year
RELEASE = {"path": "{}/release.json", "title": "Newest release", "label": "latest"}
SHIELDS, PEPY = "https://img.shields.io", "https://static.pepy.tech"
HOME = "https://github.com/someone/stats"
FORM = f"{HOME}/issues/new?template=add-package.yml"
PASTED = tomllib.loads((ROOT / "tests/pasted.toml").read_text(encoding="utf-8"))
MENDED = tomllib.loads((ROOT / "tests/mended.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as launched:
        yield launched


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with packages of all kinds, as one run leaves it."""
    newest = newest_complete_day(datetime.now(UTC))
    known: dict[str, Any] = {n: {"total_downloads": t, "downloads": {}} for n, t in SMALL.items()}
    for name, counts in COUNTS.items():
        known[name] = {"total_downloads": sum(counts), "downloads": daily(*counts, end=newest)}
    project = Project(tmp_path_factory.mktemp("site"))
    project.list(*known, text=f"{PACKAGES}name = 'requests'\n")
    variables = {"GITHUB_REPOSITORY": "someone/stats"}
    with Pepy(projects=known) as pepy, Pypistats() as pypistats, pytest.MonkeyPatch.context() as m:
        m.setattr(script, "PYPISTATS_PACE", 0.0)
        assert project.run(pepy, PYPISTATS_API_URL=pypistats.url, **variables).code == 0
    old = {"timestamp": f"{datetime.now(UTC) - timedelta(days=3, minutes=1):%FT%TZ}"}
    stale = project.json("stale/stats.json") | old
    (project.docs / "stale/stats.json").write_text(json.dumps(stale))
    assert project.run(None, "render", **variables).code == 0
    with Site(project.docs) as served:
        yield served


@pytest.fixture(scope="session")
def tab(browser: Browser, site: Site) -> Iterator[Visit]:
    with visit(browser, site) as visited:
        yield visited


@pytest.fixture
def visitor(tab: Visit) -> Iterator[Visit]:
    yield tab
    tab.leave()


def catalogue(site: Site) -> Any:
    return json.loads((site.docs / script.CATALOGUE).read_bytes())


def with_release(site: Site, *names: str) -> Any:
    """The catalogue, where just these packages have a badge of their newest release."""
    files = catalogue(site)
    if RELEASE["path"] not in [metric["path"] for metric in files["metrics"]]:
        files["metrics"].append(RELEASE)
    at = [metric["path"] for metric in files["metrics"]].index(RELEASE["path"])
    for row in files["packages"]:
        message = "2.12.4 38%" if row["name"] in names else ""
        row["badges"] = [*row["badges"][:at], message, *row["badges"][at + 1 :]]
    return files


def serve(visitor: Visit, path: str, **answer: Any) -> None:
    """From now on the page gets this instead of a file."""
    visitor.context.route(f"**/{path}", lambda route: route.fulfill(**answer))


def hold(visitor: Visit, path: str) -> list[Route]:
    """What the page asks for a file from now on, each unanswered."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    visitor.context.route(f"**/{path}", keep)
    return held


def shown(page: Page) -> list[str]:
    return page.locator("#packages tbody tr:not([hidden]) a").all_text_contents()


def query(address: str) -> dict[str, str]:
    return dict(parse_qsl(address.partition("?")[2], keep_blank_values=True))


def badge(path: str, **look: str) -> dict[str, str]:
    return {"url": f"{PUBLISHED}/{path}.json"} | look


READ = """() => {
    const look = document.getElementById("look"), { metric, format, code } = look.elements;
    look.dispatchEvent(new FocusEvent("focusout"));
    const picture = document.getElementById("preview").src;
    const values = { metric: metric.value, format: format.value, code: code.value, picture };
    const notice = document.getElementById("notice").textContent;
    return { fragment: location.hash.slice(1), notice, ...values };
}"""
PASTE = f"""async (texts) => {{
    const $ = (id) => document.getElementById(id), found = [];
    const moved = () => new Promise((done) => (onhashchange = done));
    for (const value of texts) {{
        const clipboardData = new DataTransfer(), options = {{ clipboardData, cancelable: true }};
        clipboardData.setData("text", value);
        const before = location.hash;
        const isText = $("search").dispatchEvent(new ClipboardEvent("paste", options));
        if (location.hash !== before) await moved();
        if (isText) {{ found.push(null); continue; }}
        while ($("look").hidden) await new Promise((done) => setTimeout(done));
        found.push(({READ})());
    }}
    return found;
}}"""


def built(page: Page) -> Any:
    """What the builder shows once all has followed the controls, as leaving one makes it."""
    page.locator("#code").wait_for()
    return SimpleNamespace(**page.evaluate(READ))


def codes(page: Page) -> Any:
    """The badge's code by format, each chosen in turn."""
    built(page)
    return page.locator("#formats input").evaluate_all("""(all) => Object.fromEntries(
        all.map((input) => [input.click() ?? input.value, document.getElementById("code").value])
    )""")


def go(page: Page, fragment: str = "") -> None:
    """Follow a link within the page."""
    page.evaluate(f"""() => new Promise((done) => {{
        const before = location.hash;
        addEventListener("hashchange", done, {{ once: true }});
        location.hash = {json.dumps(fragment)};
        if (location.hash === before) done();
    }})""")


def paste(page: Page, *texts: str) -> list[Any]:
    """What the builder shows for each text pasted into the box; None where it is only text."""
    found = page.evaluate(PASTE, texts)
    return [SimpleNamespace(**it) if isinstance(it, dict) else it for it in found]


def paste_only(page: Page, text: str) -> None:
    page.locator("#search").evaluate(
        """(search, text) => {
            const clipboardData = new DataTransfer(), options = { clipboardData, cancelable: true };
            clipboardData.setData("text", text);
            search.dispatchEvent(new ClipboardEvent("paste", options));
        }""",
        text,
    )


def heading(page: Page, text: str) -> None:
    expect(page.locator("h1:visible")).to_have_text(text)


def test_the_list_shows_all_figures_and_how_fresh_they_are(visitor: Visit) -> None:
    page, listings = visitor.open(), catalogue(visitor.site)["packages"]
    texts = "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    rows = page.locator("#packages tbody tr").evaluate_all(texts)
    told = {name: cells for name, _, *cells in rows}
    for listing in listings:
        name, since = listing["name"].removeprefix("_"), datetime.fromisoformat(listing["fetched"])
        name += " family of 2" if "members" in listing else ""
        if name == "stale":
            name += f" stale: last fetched on {since.day} {since:%B %Y}"
        counts = (listing[key] for key in ("total", "month", "week", "day"))
        figures = [script.format_count(number) for number in counts]
        assert [*told[name][:2], *told[name][3:]] == figures
    changes = {name: told[name][2] for name in ("falls", "rises", "same", "none")}
    assert changes == {"falls": "−50.0%", "rises": "+30.0%", "same": "0.0%", "none": "–"}
    expect(page.locator("tr:has([href='#same']) [data-label=Change] span")).to_have_class("muted")
    weeks = (sum(COUNTS["falls"][304 + at :][:7]) for at in range(90))  # of 140
    drawn = "M" + "L".join(f"{day} {35 - (week + 2) // 4}" for day, week in enumerate(weeks)) + "h0"
    expect(page.locator("tr:has([href='#falls']) path")).to_have_attribute("d", drawn)
    area = f"0 36 {drawn.removeprefix('M').removesuffix('h0').replace('L', ' ')} 89 36"  # below it
    expect(page.locator("tr:has([href='#falls']) polygon")).to_have_attribute("points", area)
    newest = datetime.fromisoformat(max(listing["fetched"] for listing in listings))
    fresh = f"Fetched on {newest.day} {newest:%B %Y} at {newest:%H:%M} UTC"
    expect(page.locator("#dates")).to_contain_text(fresh)
    go(page, "stale")
    expect(page.locator("#notice")).to_contain_text("old: they were last fetched on")
    expect(page.locator("#metrics label").first).to_have_text("420Total")


def test_the_box_filters_as_one_types_and_enter_opens_what_is_meant(visitor: Visit) -> None:
    files = catalogue(visitor.site)
    requests = next(row for row in files["packages"] if row["name"] == "requests")
    files["packages"].append(requests | {"name": "requests-more", "total": 10**14})
    serve(visitor, script.CATALOGUE, json=files)
    visitor.shields_is_down = True  # which has no badge of that one
    page = visitor.open()
    search = page.get_by_label("Find a package")
    search.press_sequentially("digit")
    assert shown(page) == ["four-digits", "three-digits", "two-digits", "one-digit"]
    expect(page.locator("#found")).to_have_text("4 of 17 match")
    expect(page.locator("#counted")).to_have_text("4 of 17 match")
    search.fill("")
    expect(page.locator("#found")).to_have_text("16 packages, 1 family")
    search.fill("Hostile_L")
    assert shown(page) == ["hostile-look"]
    search.fill("requests")
    assert shown(page) == ["requests-more", "requests"]
    meant = {
        "requests": "requests",
        "Hostile.L": "hostile-look",
        "req": "requests-more",
        "zz": "zz",
        "steps": "steps family of 2",
    }
    for text, name in meant.items():  # the very name, the only match, the first, one to ask for
        search.fill(text)
        expect(page.locator("#add a")).to_have_count(int(name != "requests"))
        expect(page.locator("#add a.primary")).to_have_count(int(text == "zz"))
        search.press("Enter")
        heading(page, name)
        page.go_back()
    for address in ("https://pepy.tech/projects/Rises", "https://example.org/project/rises/"):
        go(page)
        search.fill(address)
        expect(page.locator("#add")).to_have_text("Enter opens it.")
        search.press("Enter")
        heading(page, "rises")
        expect(page.locator("#notice")).to_contain_text("counts its downloads")


def test_names_that_the_page_uses_itself_take_nothing_away(visitor: Visit) -> None:
    files = catalogue(visitor.site)
    names = ("stats", "search", "code", "chart", "list")
    files["packages"] += [files["packages"][-1] | {"name": name} for name in names]
    serve(visitor, script.CATALOGUE, body=json.dumps(files))
    visitor.shields_is_down = True
    page = visitor.open()
    for name in names:
        page.locator(f"#packages a[href='#{name}']").click()
        heading(page, name)
        expect(page.locator("h1:visible")).to_be_focused()
        page.go_back()
    go(page, "stats")
    links = page.locator("#ways a").evaluate_all("(all) => all.map((a) => a.getAttribute('href'))")
    assert links[-3:] == ["stats/history.csv", "stats/stats.json", "stats.json"]


YOUNG = """
for (const prototype of [Element.prototype, HTMLElement.prototype])
    for (const name of Object.getOwnPropertyNames(prototype))
        if (name === "role" || /^aria[A-Z]/.test(name)) delete prototype[name];
delete URL.parse;
for (const name of ["toSorted", "toReversed", "with", "toSpliced"]) delete Array.prototype[name];
delete Object.groupBy;
"""


def test_browsers_of_2023_are_new_enough(browser: Browser, site: Site) -> None:
    with visit(browser, site) as visited:
        visited.context.add_init_script(YOUNG)
        page = visited.open()
        assert page.evaluate("URL.parse") is None
        page.get_by_label("Find a package").fill("fall")
        page.locator("th[data-key=week] button").click()
        expect(page.locator("th[aria-sort=descending]")).to_have_text("Week")
        page.get_by_label("Find a package").press("Enter")
        heading(page, "falls")
        expect(page.get_by_role("slider", name="Day")).to_have_attribute(
            "aria-valuetext", re.compile("A day 10")
        )
        page.locator("#color").fill("gren")
        expect(page.locator("#color[aria-invalid]")).to_be_visible()


def test_every_column_sorts_both_ways_and_the_list_is_found_as_it_was_left(visitor: Visit) -> None:
    page = visitor.open("#?sort=name")
    rows = catalogue(visitor.site)["packages"]
    by_name = {row["name"].removeprefix("_"): row for row in rows}
    sort = """(button) => [button.click() ?? button.closest("th").ariaSort,
        [...document.querySelectorAll("tbody a")].map((link) => link.textContent)]"""
    for key in ("total", "change", "week", "day", "name", "month"):
        button = page.locator(f"th[data-key={key}] button")
        for order in ("descending", "ascending")[:: -1 if key == "name" else 1]:
            told, names = button.evaluate(sort)
            rows = [by_name[name] for name in names]
            if key == "change":  # those without one come last
                rows = rows[: sum(bool(row["previous_month"]) for row in rows)]
            values = [r[key] if key in r else r["month"] / r["previous_month"] for r in rows]
            if key == "name":
                values = [value.removeprefix("_") for value in values]
            assert values == sorted(values, reverse=order == "descending"), key
            assert (told, len(names)) == (order, len(by_name))
    page.get_by_label("Find a package").fill("s")
    names = shown(page)
    page.reload()
    link = page.locator("tbody a", has_text="same")
    page.locator("tr:has([href='#same']) td").last.click(force=True)  # all of it leads there
    expect(page.locator("h1:visible")).to_be_focused()
    page.get_by_role("link", name="All packages").click()
    expect(link).to_be_focused()
    assert (shown(page), urlsplit(page.url).fragment) == (names, "?search=s&sort=month")


def test_a_missing_package_leads_to_the_form_with_nothing_but_its_name(visitor: Visit) -> None:
    page = visitor.open()

    def leads(name: str) -> str | None:
        return page.get_by_role("link", name=name, exact=True).get_attribute("href")

    search = page.get_by_label("Find a package")
    assert leads("Add a package") == FORM
    for text, name in (("Zope.Interface", "zope-interface"), ("sam", "sam")):
        search.fill(text)  # which fits none, or one but isn't it
        assert leads(f"Add {name}") == f"{FORM}&packages={name}"
    for text, told in (("same", ""), ("no&packages=evil", "No package can be called that.")):
        search.fill(text)
        expect(page.locator("#add")).to_have_text(told)
    search.fill(f"![d]({SHIELDS}/pypi/dm/Flask_Login?style=social)")
    search.press("Enter")
    heading(page, "flask-login")
    assert leads("Add flask-login") == f"{FORM}&packages=flask-login"
    expect(page.locator("#expected")).to_have_attribute("alt", "downloads: …/month")
    assert query(visitor.pictures[-1])["style"] == "social"
    assert "style=social" in urlsplit(page.url).fragment  # for when it is there
    fields = ROOT / ".github/ISSUE_TEMPLATE/add-package.yml"  # by whose ids GitHub fills it in
    assert re.findall(r"\bid: (\w+)", fields.read_text(encoding="utf-8")) == ["packages"]


def test_a_package_opens_with_its_own_look_and_an_address_has_what_differs(visitor: Visit) -> None:
    page = visitor.open()
    page.locator("tbody a", has_text="pydantic").click()
    heading(page, "pydantic")
    assert query(built(page).picture) == badge("pydantic")
    values = [page.locator(f"#{key.replace('namedL', 'l')}").input_value() for key in LOOK]
    assert values == [value.removeprefix("#") for value in LOOK.values()]
    listing = next(x for x in catalogue(visitor.site)["packages"] if x["name"] == "pydantic")
    expect(page.locator("#preview")).to_have_attribute("alt", f"installs: {listing['badges'][0]}")
    ways = page.locator("#ways a").evaluate_all("(all) => all.map((a) => a.getAttribute('href'))")
    assert ways[0] == "https://pepy.tech/projects/pydantic"
    assert all((visitor.site.docs / way).is_file() for way in ways[2:])
    figures = page.locator("#metrics .figure").evaluate_all("(all) => all.map((f) => f.innerText)")
    counts = [f"{listing[key]:,}" for key in ("total", "month", "week", "day")]
    assert figures == counts + listing["badges"][4:]
    change = f"{listing['month'] / listing['previous_month'] - 1:+.1%}".replace("-", "−")
    expect(page.locator("#metrics label").nth(1)).to_contain_text(f"Last 30 days {change}")
    # Shields drops the own logo's colour and size as soon as an address names a logo.
    for given in ("pydantic?logo=pydantic", "pydantic?style=flat"):
        go(page, f"{given}&color=%23E92063&label=installs")
        assert built(page).fragment == given
    page.locator("#reset").click()
    assert built(page).fragment == "pydantic"
    go(page, "drawn?labelColor=grey")  # without a label its left side has no usual colour
    assert built(page).fragment == "drawn?labelColor=grey"


def test_every_metric_is_a_choice_in_the_chosen_look(visitor: Visit) -> None:
    titles = {"total": "Total", "month": "Last 30 days", "week": "Last 7 days", "day": "Last day"}
    labels = {"python": "Python versions", "system": "Operating system"}  # of their own
    shares = {"without-mirrors": "30 days, no mirrors"} | labels
    page, look = visitor.open(), {"style": "plastic", "color": "orange"}
    label = page.locator("#label")
    for name, more in (("falls", {"year": "Last 365 days"}), ("exact", shares)):
        go(page, f"{name}?{urlencode(look)}")
        rows = page.locator("#metrics label:visible")
        expect(rows).to_contain_text([*(titles | more).values()])
        for metric, title in (titles | more).items():
            rows.filter(has_text=title).click()
            path, shows = f"{name}/{metric}".removesuffix("/total"), built(page)
            which = {} if metric == "total" else {"metric": metric}
            assert query(shows.fragment) == which | look
            assert query(shows.picture) == badge(path, **look)
            assert shows.code.startswith(f"[![{labels.get(metric, 'Downloads')}]({shows.picture})]")
            expect(label).to_have_value(metric if metric in labels else "downloads")
            expect(page.locator("#preview")).not_to_have_js_property("naturalWidth", 0)
    label.fill("runs on")
    rows.filter(has_text="Total").click()
    expect(label).to_have_value("runs on")  # chosen, so kept
    for missing in ("year", "without-mirrors"):  # of 60 days, and without a breakdown
        go(page, f"same?metric={missing}&label=mine&color=red")
        assert built(page).fragment == "same?color=red"
        expect(page.locator("#notice")).to_contain_text("no such badge here")


CONTROLS: list[tuple[str, str, dict[str, str] | None]] = [  # filled in, and what that overrides
    *((("label", text, {"label": text})) for text in ("", "a & b", "日本語 (100%) _x_ *y*")),
    ("color", "#FE7D37", {"color": "fe7d37"}),
    ("color", " rgb(1, 2, 3) ", {"color": "rgb(1, 2, 3)"}),
    ("labelColor", "Success", {"labelColor": "success"}),
    ("logo", "python", {"logo": "python"}),
    *((key, text, {}) for key, text in (("color", ""), ("color", "blue"), ("labelColor", "#555"))),
    ("logoColor", "white", {}),  # of no logo
    *((key, "blu", None) for key in ("color", "labelColor", "logoColor")),  # unknown to Shields
    *(("color", text, None) for text in ("url(x)", "#12345", "inherit")),
    ("logo", "<svg>", None),
]


def test_every_control_changes_what_shields_knows_and_tells_the_rest(visitor: Visit) -> None:
    page = visitor.open("#requests?format=address")
    expect(page.locator("#leads")).to_be_hidden()  # which an address does not say
    for control, value, override in CONTROLS:
        field, look = page.locator(f"#{control}"), override or {}
        usual = field.input_value()
        field.fill(value)
        shows = built(page)
        assert query(shows.picture) == query(shows.code) == badge("requests", **look)
        assert query(shows.fragment) == look | {"format": "address"}
        assert field.get_attribute("aria-invalid") == ("true" if override is None else None)
        assert any(page.locator(".wrong").all_text_contents()) == (override is None)
        field.fill(usual)
    picker = page.get_by_label("Pick the colour")
    for text, value in {"success": "#44bb00", "blue": "#007ec6", "gold": "#ffd700"}.items():
        page.locator("#color").fill(text)
        expect(picker).to_have_value(value)


COLOURED = """async ([colours, catalogue]) => {
    const { readOverrides, siteOf } = await import(new URL("badge.js", document.baseURI));
    const site = siteOf(catalogue);
    return colours.filter((color) => readOverrides(new URLSearchParams({ color }), site).color);
}"""


def test_a_colour_is_what_the_list_takes_for_one(visitor: Visit) -> None:
    refused = SPELLINGS["refused"] | {"space around it": []}  # which the page passes over
    colours = [*DRAWN, *SPELLINGS["unknown"], *chain.from_iterable(refused.values())]
    assert visitor.open().evaluate(COLOURED, [colours, catalogue(visitor.site)]) == DRAWN


def test_a_metric_is_one_row_of_the_script_and_nothing_here(
    browser: Browser, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def best(record: script.Record) -> str:
        return f"{max(record.history.values(), default=0)} at best"

    row = script.Metric("{}/best-day.json", "The best day", best, label="record")
    monkeypatch.setattr(script, "METRICS", (*script.METRICS, row))
    shutil.copytree(site.docs, tmp_path / "docs")
    project = Project(tmp_path)
    project.list("falls", text=f'[site]\nurl = "{PUBLISHED}"\n')
    assert project.run(None, "render").code == 0
    with Site(project.docs) as longer, visit(browser, longer) as visitor:
        page = visitor.open("#falls")
        page.locator("#metrics label", has_text="20 at bestThe best day").click()
        expect(page.locator("#preview")).to_have_attribute("alt", "record: 20 at best")
        page.get_by_label("Colour", exact=True).fill("green")
        shows = built(page)
        assert shows.fragment == "falls?metric=best-day&color=green"
        source, text, _ = rendered(shows.code)
        assert (query(source), text) == (badge("falls/best-day", color="green"), "The best day")
        (again,) = paste(page, source)
        assert again.fragment == shows.fragment


def rendered(code: str) -> list[str]:
    """A picture's address, its text, and where a click leads, of Markdown or HTML."""
    html = MarkdownIt().renderInline(code).replace(" />", ">")
    image = '<img src="(?P<at>[^"]+)" alt="(?P<text>[^"]+)">'
    match = re.fullmatch(f'(<a href="(?P<link>[^"]+)">)?{image}(</a>)?', html)
    assert match, code
    return [unescape(match[part] or "") for part in ("at", "text", "link")]


SAFE = r"[\w:/?&=%.+#@-]+(?<!_)"  # in which markup finds no meaning
LED = {"address": "^$(.)", "html": r'href="([^"]+)', "markdown": r"\)\]\((.+)\)$"}  # where to
LED |= {"rst": ":target: (.+)", "asciidoc": ',link="(.+)"'}
LABEL = "<b> (1) [2] __x__ *y* `z` &amp; \"q\" 's' a,b;c|d~e"
LINK = (
    "https://example.org/a_(b)/__init__/_c_/@me/x--y...z/1+2+3/*?x=[1],2&y='3'~4|5_"
    "&z={sys:id}{counter:c}{user-home}&w=a\\b^c^&v=+d+&copy;&q=$$e$$#f#g#"
)
LINKS = {"pepy": "https://pepy.tech/projects/requests", LINK: LINK, "none": ""}
LINKS |= {"pypistats": "https://pypistats.org/packages/requests"}


def test_every_format_shows_the_picture_its_text_and_the_link(visitor: Visit) -> None:
    page, look = visitor.open(), {"label": LABEL, "logo": "python"}
    for link, leads in LINKS.items():
        go(page, f"requests?{urlencode(look | {'metric': 'week', 'link': link})}")
        code = codes(page)
        picture, text, led = rendered(code["html"])
        assert (picture, unquote(led)) == (code["address"], unquote(leads))
        assert query(picture) == badge("requests/week", **look)
        assert all(re.fullmatch(SAFE, address) for address in (picture, led) if address)
        assert rendered(code["markdown"]) == [picture, text, led] == [picture, "Downloads", led]
        target = f"\n   :target: {led}" if leads else ""
        assert code["rst"] == f".. image:: {picture}\n   :alt: Downloads{target}"
        assert not re.search(r"[@_+]|--|\.\.\.", code["asciidoc"])  # which AsciiDoc replaces
        target = f',link="{led}"' if leads else ""
        plain = unquote(f'image:{picture}["Downloads"{target}]').replace("+", " ")
        assert unquote(code["asciidoc"]).replace("+", " ") == plain


def test_copying_puts_the_code_on_the_clipboard_or_selects_it(visitor: Visit) -> None:
    page = visitor.open("#requests?metric=month")
    page.get_by_role("button", name="Copy the chart").click()
    expect(page.locator("#chart-copied")).to_have_text("Copied as Markdown.")
    chart, _, link = rendered(page.evaluate("navigator.clipboard.readText()"))
    assert (chart, link) == (f"{PUBLISHED}/requests/chart.svg", LINKS["pepy"])
    page.locator("#formats label", has_text="reStructuredText").click()
    page.locator("#copy").click()
    expect(page.locator("#copied")).to_have_text("Copied as reStructuredText.")
    page.locator("#color").fill("gren")
    page.locator("#copy").click()
    wrong = "Copied as reStructuredText, without what is marked as wrong."
    expect(page.locator("#copied")).to_have_text(wrong)
    page.locator("#color").fill("")
    text = page.evaluate("navigator.clipboard.readText()")
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.locator("#copy").click()
    expect(page.locator("#copied")).to_contain_text("press Ctrl")
    assert page.evaluate("getSelection().toString()") == text == built(page).code


def lined(page: Page, root: str) -> dict[str, str]:
    """The names of a chart's lines, and their values on the day that it shows."""
    page.locator(f"{root} .legend b").first.wait_for()
    lines = "\n".join(page.locator(f"{root} .legend li").all_inner_texts())
    return dict(re.findall(r"^(.+?)\s(\S+)(?:\s×)?$", lines, re.MULTILINE))


def test_a_history_is_drawn_and_read_by_range_scale_pointer_and_key(visitor: Visit) -> None:
    page = visitor.open("#falls")  # 340 days of 5, 30 of 20, 30 of 10
    slider, date = page.locator("#history input[type=range]"), page.locator("#history .readout b")
    newest = newest_complete_day(datetime.now(UTC))

    def reads(days_ago: int, day: str, average: str) -> None:
        when = newest - timedelta(days_ago)
        expect(date).to_have_text(f"{when.day} {when:%B %Y}")
        assert lined(page, "#history") == {"A day": day, "Seven-day average": average}
        told = f"{when.day} {when:%B %Y}: A day {day}, Seven-day average {average}"
        expect(slider).to_have_attribute("aria-valuetext", told)

    reads(0, "10", "10")
    expect(page.locator("#history [value='365']")).to_be_checked()
    page.locator("#history").get_by_text("Everything").click()
    for key, days_ago, day, average in (("Home", 399, "5", "–"), ("End", 0, "10", "10")):
        slider.press(key)
        reads(days_ago, day, average)
    page.locator("#history").get_by_text("A year").click()
    slider.press("Home")
    reads(364, "5", "5")
    page.locator("#history").get_by_text("90 days").click()
    plot = page.locator("#history .plot")
    width = plot.evaluate("(plot) => plot.clientWidth") - 60
    plot.hover(position={"x": 50 + width * 62 / 89, "y": 50})
    reads(27, "10", "16")
    path, ticks = plot.locator(".days").first, plot.locator("text[text-anchor=end]")
    for scale, marks in {"Linear": "0 5 10 15 20", "Logarithmic": "5 10 20"}.items():
        page.locator("#history").get_by_text(scale).click()
        expect(ticks).to_have_text(marks.split())
        heights = re.findall(r"[\d.]+ ([\d.]+)", path.get_attribute("d") or "")
        at = ticks.evaluate_all("(all) => all.map((text) => text.getAttribute('y'))")
        drawn = dict(zip(marks.split(), at, strict=True))
        assert heights == [drawn["5"]] * 30 + [drawn["20"]] * 30 + [drawn["10"]] * 30
    cells = page.locator("#history details tr")
    expect(cells).to_have_count(0)
    page.locator("#history summary").click()
    expect(cells).to_have_count(91)
    when = newest - timedelta(27)
    expect(cells.nth(28)).to_have_text(f"{when.day} {when:%B %Y}1016")


def test_days_weeks_or_months_are_drawn_by_the_room_there_is(visitor: Visit) -> None:
    end = date(2026, 10, 31)
    whole = catalogue(visitor.site)
    whole["packages"] = [row | {"last_date": f"{end}"} for row in whole["packages"]]
    serve(visitor, script.CATALOGUE, json=whole)
    days = [end - timedelta(at) for at in range(1461)]  # of a week each counts the same
    lines = sorted(f"{day},{(end - day).days // 7}" for day in days)
    serve(visitor, "falls/history.csv", body="\n".join(["date,downloads", *lines, ""]))
    november = [(end - date(2022, 11, day)).days // 7 for day in range(1, 31)]
    monthly = f"{round(sum(november) / 30)}"
    table = {
        (1200, "A year"): (365, "1 November 2025", {"A day": "52", "Seven-day": "52"}),
        (1200, "Everything"): (209, "30 October – 5 November 2022", {"Weekly": "208"}),
        (500, "A year"): (53, "26 October – 1 November 2025", {"Weekly": "52"}),
        (500, "Everything"): (48, "November 2022", {"Monthly": monthly}),
    }
    page = visitor.open("#falls")
    slider = page.locator("#history input[type=range]")
    page.locator("#history summary").click()  # which stays open
    for (width, period), (count, first, values) in table.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.locator("#history").get_by_text(period).click()
        expect(slider).to_have_attribute("max", f"{count - 1}")
        slider.press("Home")
        expect(page.locator("#history .readout b")).to_have_text(first)
        read = lined(page, "#history")
        assert {name.removesuffix(" average"): value for name, value in read.items()} == values
        slider.press("End")
        expect(page.locator("#history details tbody tr")).to_have_count(count)
    page.set_viewport_size({"width": 1200, "height": 900})
    expect(page.locator("#history :is(output, [aria-live])")).to_have_count(0)  # it is said once


def test_range_and_scale_are_part_of_a_packages_address(visitor: Visit) -> None:
    page = visitor.open("#falls?style=plastic")
    page.locator("#history").get_by_text("90 days").click()
    page.locator("#history").get_by_text("Logarithmic").click()
    shared = "falls?style=plastic&range=90&scale=log"
    expect(page).to_have_url(f"{visitor.site.address}/#{shared}")
    page.reload()
    chosen = page.locator("#history :checked + .face")
    expect(chosen).to_have_text(["90 days", "Logarithmic"])
    page.locator("#style").select_option("flat-square")
    assert built(page).fragment == shared.replace("plastic", "flat-square")
    page.go_back()
    assert built(page).fragment == shared
    page.locator("#style").select_option("plastic")
    page.locator("#history").get_by_text("90 days").click()
    expect(page.locator("#reset")).to_have_attribute("href", "#falls?range=90&scale=log")
    for period in ("A year", "Everything"):
        go(page)
        go(page, "falls")  # where nothing is said of them
        built(page)
        expect(chosen).to_have_text(["A year", "Linear"])
        page.locator("#history").get_by_text(period).click()


def test_a_history_that_can_not_be_read_is_said_to(visitor: Visit) -> None:
    serve(visitor, "falls/history.csv", status=404)
    page = visitor.open("#falls")
    told = "The history of falls can’t be read right now."
    expect(page.locator("#history > p")).to_have_text(told)
    expect(page.locator("#history .plot")).to_be_hidden()
    go(page, "?compare=falls,rises")
    expect(page.locator("#comparison > p")).to_have_text(told)
    assert lined(page, "#comparison") == {"falls": "–", "rises": "13"}
    go(page, "none")
    expect(page.locator("#history > p")).to_have_text("No day with downloads is known yet.")
    go(page, "same")
    lined(page, "#history")
    held = hold(visitor, "rises/history.csv")
    go(page, "rises")
    built(page)
    expect(page.locator("#history .plot")).to_be_hidden()  # as it is another package's
    expect(page.locator("#history .below")).to_be_hidden()
    held.pop().fallback()
    assert lined(page, "#history") == {"A day": "13", "Seven-day average": "13"}


def test_the_day_somebody_looks_at_stays(visitor: Visit) -> None:
    page = visitor.open("#falls?range=all")
    slider, date = page.locator("#history input[type=range]"), page.locator("#history .readout b")
    slider.press("End")
    for _ in range(17):
        slider.press("ArrowLeft")
    page.locator("#history summary").click()
    seen = date.text_content() or ""
    go(page)
    go(page, "falls?range=all")
    page.set_viewport_size({"width": 500, "height": 900})
    expect(date).to_contain_text("–")  # in weeks
    page.set_viewport_size({"width": 1200, "height": 900})
    expect(date).to_have_text(seen)
    expect(page.locator("#history details tbody tr")).to_have_count(400)


def test_a_packages_calendar_years_are_summed_and_copied(visitor: Visit) -> None:
    page = visitor.open("#falls")
    newest = newest_complete_day(datetime.now(UTC))
    days = {newest - timedelta(399 - at): count for at, count in enumerate(COUNTS["falls"])}
    rows = []
    for year in sorted({day.year for day in days}, reverse=True):
        name = f"{year}"
        if min(days).year == year and f"{min(days):%m-%d}" != "01-01":
            name += f", from {min(days).day} {min(days):%B}"
        if newest.year == year and f"{newest:%m-%d}" != "12-31":
            name += ", so far"
        if year in (2018, 2026):
            name += ", PyPI changed its counting"
        rows.append([name, f"{sum(n for day, n in days.items() if day.year == year):,}", "–"])
    cells = "(rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    table = page.locator("#history .below tbody tr")
    expect(table).to_have_count(len(rows))
    assert table.evaluate_all(cells) == rows
    page.get_by_role("button", name="Copy as Markdown").click()
    expect(page.locator("#history .below .copy")).to_contain_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert copied == ["| Year | Downloads of falls | Change |", "| :-- | --: | --: |"] + [
        f"| {' | '.join(row)} |" for row in rows
    ]
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.get_by_role("button", name="Copy as Markdown").click()
    assert page.evaluate("getSelection().toString()").splitlines() == copied


def test_whole_years_are_compared_where_they_are_counted_alike(visitor: Visit) -> None:
    daily_counts = {2018: 1, 2019: 1, 2020: 2, 2021: 3, 2022: 3}
    days = (date(2018, 7, 1) + timedelta(at) for at in range(1645))
    text = "".join(f"{day},{daily_counts[day.year]}\n" for day in days)
    serve(visitor, "same/history.csv", body=f"date,downloads\n{text}")
    whole = catalogue(visitor.site)
    rows = [row | {"last_date": "2022-12-31"} for row in whole["packages"]]
    odd = {"packages": rows, "changes": [{"day": "2021-05-01", "what": "…"}]}
    serve(visitor, script.CATALOGUE, body=json.dumps(whole | odd))
    page = visitor.open("#same")
    expect(page.locator("#history .below tbody tr")).to_have_text(
        [
            "20221,095–",
            "2021, PyPI changed its counting1,095–",
            "2020732+100.5%",
            "2019365–",
            "2018, from 1 July184–",
        ]
    )


def test_figures_that_stand_still_or_are_counted_otherwise_are_said_to(visitor: Visit) -> None:
    newest = newest_complete_day(datetime.now(UTC))
    whole = catalogue(visitor.site)
    days = [newest - timedelta(back) for back in (100, 399, 999)]
    changes = [{"day": f"{day}", "what": "Less is counted."} for day in days]
    rows = [row | {"year_date": "2026-08-03"} for row in whole["packages"]]
    odd = {"stalled": "2026-11-14", "changes": changes, "packages": rows}
    serve(visitor, script.CATALOGUE, body=json.dumps(whole | odd))
    told = "PePy’s newest day is 14 November 2026: all figures end there."
    page = visitor.open()
    expect(page.locator("#stalled")).to_have_text(told)
    page = visitor.open("#falls")
    expect(page.locator("#notice")).to_have_text(told)
    expect(page.locator("#until")).to_contain_text("The last 365 days are as of 3 August 2026.")
    noted = newest - timedelta(100)
    told = f"{noted.day} {noted:%B %Y} Less is counted."  # for pointer, keyboard, screen reader
    notes = page.locator("#history .plot ~ .changes li")
    expect(notes).to_have_text([told])
    of_years = page.locator("#history .below .changes li")
    expect(of_years).to_have_text([told, re.compile("^A download is not a user")])
    marks = page.locator("#history .plot > .change")
    expect(marks).to_have_count(1)  # that of the first day divides nothing
    page.locator("#history").get_by_text("90 days").click()
    expect(marks).to_have_count(0)
    expect(notes).to_have_count(0)
    serve(visitor, script.CATALOGUE, body=json.dumps(whole))
    page = visitor.open()
    expect(page.locator("#stalled")).to_be_hidden()


def test_a_family_is_shown_as_what_it_is_and_its_badge_leads_back_here(visitor: Visit) -> None:
    page = visitor.open("#_Steps?metric=week&link=pepy")
    heading(page, "steps family of 2")
    shows = built(page)
    assert rendered(shows.code)[::2] == [shows.picture, f"{PUBLISHED}/#_steps"]
    assert query(shows.picture) == badge("_steps/week")
    expect(page.locator("#preview")).to_have_attribute("alt", "both: 161/week")
    expect(page.locator("#metrics label").nth(1)).to_contain_text("690Last 30 days")
    assert lined(page, "#history") == {"A day": "23", "Seven-day average": "23"}
    links = ["This page", "Nowhere", "Another address"]
    expect(page.locator("#links label:visible")).to_have_text(links)
    ways = ["history.csv", "stats.json", "_steps.json"]
    assert page.locator("#ways a").all_text_contents() == ways
    go(page, "_steps")
    (again,) = paste(page, f"[![Downloads]({shows.picture})]({PUBLISHED}/#_steps)")
    assert (query(again.picture), again.code) == (query(shows.picture), shows.code)
    page.locator("#until").get_by_role("link", name="falls").click()
    heading(page, "falls")
    go(page, "?compare=_steps,rises")
    assert lined(page, "#comparison") == {"steps": "23", "rises": "13"}
    go(page, "?search=_STEPS")
    assert shown(page) == ["steps"]
    page.locator("#search").press("Enter")
    heading(page, "steps family of 2")


def test_a_family_and_a_package_of_one_name_are_told_apart(visitor: Visit) -> None:
    files = catalogue(visitor.site)
    rises = next(row for row in files["packages"] if row["name"] == "rises")
    serve(
        visitor,
        script.CATALOGUE,
        json=files | {"packages": [*files["packages"], rises | {"name": "steps"}]},
    )
    visitor.shields_is_down = True
    page = visitor.open("#?search=steps")
    assert {*shown(page)} == {"steps", "_steps"}
    page.locator("#search").press("Enter")
    heading(page, "steps")


def test_packages_are_compared_at_an_address_to_share(visitor: Visit) -> None:
    page = visitor.open()
    page.get_by_role("link", name="Compare").click()
    heading(page, "Compare downloads")
    go(page, "?compare=Falls,not-here,falls")
    expect(page.locator("#uncompared")).to_have_text("Not listed here: not-here.")
    field, told = page.locator("#comparison-other"), page.locator("#comparison > p")
    names = ["falls"]
    page.locator("#comparison").get_by_text("Everything").click()  # which stays
    for given in ("nobody, Rises", "Rises", "same, none", "exact, steps", "exact"):
        field.fill(given)
        field.press("Enter")
        wrong = {"nobody, Rises": "Not listed here: nobody."}
        wrong |= {"exact, steps": "Five packages at most."}
        expect(told).to_have_text(wrong.get(given, "Five packages at most." * (given == "exact")))
        names += [] if given in wrong else given.lower().split(", ")
        expect(page.locator("#comparison .legend li")).to_have_count(len(names))
    assert urlsplit(page.url).fragment == f"?compare={','.join(names)}&range=all"
    expect(field).to_be_hidden()  # five are enough
    expect(page.get_by_label("Remove exact")).to_be_focused()
    newest = {"falls": "10", "rises": "13", "same": "7", "none": "–"}
    assert newest.items() <= lined(page, "#comparison").items()
    page.get_by_label("Remove exact").click()
    expect(page.get_by_label("Remove none")).to_be_focused()  # and not lost
    page.locator("#comparison").get_by_text("90 days").click()
    page.locator("#comparison").get_by_text("Logarithmic").click()
    shared = "?compare=falls,rises,same,none&range=90&scale=log"
    expect(page).to_have_url(f"{visitor.site.address}/#{shared}")
    page.reload()
    expect(page.locator("#comparison .plot > .line-2")).to_have_attribute(
        "d", re.compile("^M.*h0$")
    )
    expect(page.locator("#comparison :checked")).to_have_count(2)
    assert page.locator("#comparison :checked").evaluate_all("(a) => a.map((i) => i.value)") == [
        "90",
        "log",
    ]
    page.locator("#comparison .legend").get_by_role("link", name="rises", exact=True).click()
    heading(page, "rises")
    page.locator("#history-other").fill("falls")  # from the chart of a package, too
    page.locator("#history-other").press("Enter")
    expect(page).to_have_url(f"{visitor.site.address}/#?compare=rises,falls")
    first = newest_complete_day(datetime.now(UTC)) - timedelta(59)
    rows = page.locator("#comparison .below tbody tr")
    expect(rows.first).to_have_text(re.compile(rf"^rises690390\+30.0%{first.day} {first:%b}"))
    go(page, "?compare=none,same,rises,falls,exact,pydantic,nobody")
    expect(page.locator("#uncompared")).to_have_text("Not listed here: nobody. Without pydantic.")
    expect(page.locator("#comparison > p")).to_have_text("Five packages at most.")
    go(page, "?compare=steps,same")  # as the list calls it
    expect(page).to_have_title(re.compile("^steps, same compared"))
    go(page, "?compare=nobody")
    expect(page).to_have_title(re.compile("^Nothing compared"))
    expect(page.locator("#comparison > p")).to_contain_text("Nothing is left to compare")
    expect(page.locator("#comparison .plot")).to_be_hidden()
    expect(rows).to_have_count(0)
    go(page, "compare?metric=month")  # a package of that name has its own address
    heading(page, "compare")


def test_a_family_is_not_compared_with_a_member_of_it(visitor: Visit) -> None:
    files = catalogue(visitor.site)
    most = {"_steps": 10**14, "falls": 10**13, "rises": 10**12, "same": 10**11}
    rows = [row | {"total": most.get(row["name"], 0)} for row in files["packages"]]
    serve(visitor, script.CATALOGUE, json=files | {"packages": rows})
    page = visitor.open()
    expect(page.locator("#to-compare")).to_have_attribute("href", "#?compare=_steps,same")
    options = "(list) => [...list.options].map((option) => option.value)"
    for name, missing in (("_steps", {"steps", "falls", "rises"}), ("falls", {"falls", "steps"})):
        go(page, name)
        built(page)
        page.locator("#history-other").focus()
        offered = page.locator("#history-names").evaluate(options)
        assert {row["name"].removeprefix("_") for row in rows} - {*offered} == missing
    page.locator("#history-other").fill("steps")  # who means it, gets it
    page.locator("#history-other").press("Enter")
    expect(page).to_have_url(f"{visitor.site.address}/#?compare=falls,_steps")
    remove = page.get_by_label("Remove steps")
    remove.wait_for()
    size = remove.evaluate("({ offsetWidth, offsetHeight }) => [offsetWidth, offsetHeight]")
    assert min(size) >= 44  # a finger's


def test_a_phone_shows_a_day_by_a_tap_and_the_code_where_it_can_not_be_copied(
    browser: Browser, site: Site
) -> None:
    phone: dict[str, Any] = {"viewport": {"width": 375, "height": 667}}
    with visit(browser, site, has_touch=True, is_mobile=True, **phone) as visitor:
        page = visitor.open("#requests")
        page.evaluate(
            "() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }"
        )
        page.get_by_role("button", name="Copy", exact=True).tap()
        expect(page.locator("#copied")).to_contain_text("touch the selected text, and choose Copy")
        expect(page.locator("#code")).to_be_visible()
        assert page.evaluate("getSelection().toString()") == built(page).code
        assert page.locator("#preview").evaluate("({ width }) => width") > 80  # beside what is told
        date = page.locator("#history .readout b")
        last = date.text_content() or ""
        page.locator("#history .plot").tap(position={"x": 200, "y": 50})
        expect(date).not_to_have_text(last)


FOCUSED = """() => {
    const active = document.activeElement;
    const seen = active.matches("[type=radio]") ? active.nextSibling : active;
    const { top, bottom } = seen.getBoundingClientRect();
    const part = ["badge", "look", "builder"].find((id) => active.closest(`#${id}`));
    return [part, top, bottom, document.getElementById("badge").getBoundingClientRect().top];
}"""


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (375, 667)])
def test_the_badge_and_the_way_to_copy_it_stay_in_sight(
    browser: Browser, site: Site, width: int, height: int
) -> None:
    with visit(browser, site, viewport={"width": width, "height": height}) as visitor:
        page = visitor.open("#exact?style=for-the-badge&label=a+label+that+is+long")
        preview, code = page.locator("#preview"), page.locator("#code")
        expect(preview).not_to_have_js_property("naturalWidth", 0)
        sizes = "(i) => [i.width / i.height, i.naturalWidth / i.naturalHeight]"
        drawn, own = preview.evaluate(sizes)
        assert drawn == pytest.approx(own, rel=0.05)  # neither squeezed nor stretched
        bottom = page.locator("#copy").evaluate("(copy) => copy.getBoundingClientRect().bottom")
        assert bottom <= (560 if width > 1000 else height)
        rows = page.locator("#metrics label:visible")
        (tall,) = {*rows.evaluate_all("(all) => all.map((row) => row.offsetHeight)")}
        assert tall >= 44
        reveal = page.get_by_role("button", name="Code", exact=True)
        expect(page.locator("#formats")).to_be_visible(visible=width > 1000)
        if width < 1000:
            reveal.click()
            expect(code).to_be_visible()
            expect(page.locator("#formats")).to_be_visible()
            expect(reveal).to_have_attribute("aria-expanded", "true")
            reveal.click()
            expect(code).to_be_hidden()
            reveal.click()
            go(page, "same")
            expect(code).to_be_hidden()  # as it hides much of the next package
            page.go_back()
            expect(preview).not_to_have_js_property("naturalWidth", 0)
        page.locator("#back").focus()
        while True:
            page.keyboard.press("Tab")
            focused, top, bottom, badge_top = page.evaluate(FOCUSED)
            if not focused:
                break
            is_free = focused == "badge" or width > 1000
            assert 0 <= top <= bottom <= (height if is_free else badge_top)
            assert 0 <= badge_top < height or focused == "builder"
        files = catalogue(site)
        files["packages"] = [files["packages"][0] | {"name": f"p{at}"} for at in range(100)]
        serve(visitor, script.CATALOGUE, json=files)
        visitor.shields_is_down = True
        page.goto(f"{site.address}/?again")
        expect(page.locator("#examples a")).to_contain_text(["style"] * 4)  # and no picture
        tall = page.evaluate("document.documentElement.scrollHeight")
        lay_out = "(all) => all.forEach((group) => (group.style.contentVisibility = 'visible'))"
        page.locator("tbody").evaluate_all(lay_out)
        assert page.evaluate("document.documentElement.scrollHeight") == tall  # nothing jumps


def show_again(page: Page, name: str) -> None:
    """Show a package once more, after another one that has its releases alone."""
    go(page, "same")
    expect(page.locator("#parts h3")).to_have_count(1)
    go(page, name)
    built(page)


def test_a_breakdown_is_shown_as_it_is_kept_and_so_is_what_it_lacks(visitor: Visit) -> None:
    newest = datetime.now(UTC).date() - timedelta(days=1)
    serve(visitor, script.CATALOGUE, json=with_release(visitor.site))
    page = visitor.open("#exact")
    releases = page.locator(".bars").first.locator("li")
    top = visitor.site.docs / "exact/stats.json"
    for number, release in enumerate(json.loads(top.read_bytes())["top_releases"]):
        expect(releases.nth(number)).to_contain_text(release["version"])
        expect(releases.nth(number)).to_contain_text(script.format_count(release["downloads"]))
    for number, name in enumerate(("python", "system"), 1):
        table = script.parse_table((visitor.site.docs / f"exact/{name}.csv").read_bytes(), newest)
        counts = {h: sum(script.window(table[h], newest, 30)) for h in table if h != "unknown"}
        parts = {h: 100 * counts[h] / sum(counts.values()) for h in counts if counts[h]}
        count = {h: script.format_count(counts[h]) for h in parts}
        told = {f"{h} {count[h]} {p:.{int(p < 9.5)}f}%" for h, p in parts.items()}
        rows = page.locator(".bars").nth(number).locator("li").all_inner_texts()
        assert {" ".join(row.split()) for row in rows} == told
    expect(page.locator("#who")).to_have_text("Releases, Python versions and operating systems")
    expect(page.locator("#of-breakdown")).to_be_visible()
    expect(page.locator("#of-lines")).to_be_hidden()
    expect(page.locator(".bands path")).to_have_count(8)
    expect(page.locator(".bands li").nth(7)).to_contain_text("others")
    for text, seen in (("3.12,unknown\n2026-01-12,5,1\n2026-03-01,,7", 1), ("", 0)):
        for name in ("python", "system"):  # whose last month names nothing, or that has no days
            serve(visitor, f"exact/{name}.csv", body=f"date,{text}")
        show_again(page, "exact")
        kinds = "Releases and Python versions" if seen else "Releases"
        expect(page.locator("#who")).to_have_text(kinds)
        expect(page.locator("#parts .bands")).to_have_count(seen)
        expect(page.locator("#parts .bars")).to_have_count(1)
    expect(page.locator("#of-breakdown")).to_be_hidden()


LINES = {"1.9": (56, 0), "1.10": (40, 20), "2.0": (2, 4), "2.1": (30, 10), "2.2": (2, 2)}
LINES |= {"2.3": (30, 20), "2.10": (20, 20), "2.11": (10, 40), "2.12": (0, 80), "other": (10, 4)}


def weeks_of(lines: Mapping[str, tuple[int, ...]]) -> str:
    """A releases.csv, where each line has so many downloads on the days of each week."""
    weeks = [week for week in zip(*lines.values(), strict=True) for _ in range(7)]
    rows = [",".join(str(count or "") for count in week) for week in weeks]
    days = [f"{date(2026, 1, 1) + timedelta(at)},{row}" for at, row in enumerate(rows)]
    return "\n".join([f"date,{','.join(lines)}", *days, ""])


def test_lines_of_releases_are_shown_over_time_where_they_are_kept(visitor: Visit) -> None:
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=404)

    visitor.context.route("**/releases.csv", answer)
    serve(visitor, script.CATALOGUE, json=with_release(visitor.site, "exact"))
    serve(visitor, "exact/releases.csv", body=weeks_of(LINES))
    page = visitor.open("#same")
    titles = page.locator("#parts h3")
    expect(titles).to_contain_text(["Releases"])
    assert asked == []
    go(page, "exact")
    months = ["Releases", "Python versions", "Operating systems"]
    over = "Releases over time by week, 1 January 2026 to 14 January 2026"
    expect(titles).to_contain_text([*months, over, "Python versions over time"])
    bands = page.locator(".bands").first
    name = "Releases over time: the list beside it has the first and last shares."
    expect(bands.locator("svg")).to_have_attribute("aria-label", name)
    expect(bands.locator("path")).to_have_count(8)
    told = ["2.12 0% → 40%", "2.11 5.0% → 20%", "2.10 10% → 10%", "2.3 15% → 10%"]
    told += ["2.1 15% → 5.0%", "1.10 20% → 10%", "1.9 28% → 0%", "others 7.0% → 5.0%"]
    expect(bands.locator("li")).to_have_text(told)
    few = {"0.9": (0, 0), "1.0": (9, 1), "1.1": (0, 6)}
    for other, shades in (
        ((1, 3), {"1.1": 7, "1.0": 6, "others": 0}),
        ((0, 0), {"1.1": 7, "1.0": 6}),
    ):
        serve(visitor, "exact/releases.csv", body=weeks_of(few | {"other": other}))
        show_again(page, "exact")
        expect(bands.locator("b")).to_have_text([*shades])
        swatches = bands.locator(".swatch").evaluate_all("(all) => all.map((s) => s.className)")
        assert swatches == [f"swatch band-{shade}" for shade in shades.values()]
    alone = {"1.0": (0, 0), "other": (5, 5)}
    for text in (weeks_of(alone), weeks_of({"1.0": (5,), "other": (0,)}), "date,other\n"):
        serve(visitor, "exact/releases.csv", body=text)
        show_again(page, "exact")
        expect(titles).to_contain_text([*months, "Python versions over time"])


MEND = """async ([texts, names, catalogue, listed, published]) => {
    const { siteOf } = await import(new URL("badge.js", document.baseURI));
    const { counterpart, findBadges, projectIn, replaceIn } = await import(
        new URL("paste.js", document.baseURI)
    );
    const site = siteOf(catalogue);
    const mend = (text) => {
        const pairs = [], left = [], odd = [];
        for (const badge of findBadges(text, site)) {
            const listing = listed[badge.project];
            const why = badge.why || (badge.isOurs && "ours") || (!listing && "not listed");
            if (why) { left.push(why); continue; }
            const messages = new Map(listing.metrics.map((metric) => [metric, "1"]));
            const json = published[badge.project] ?? published.usual;
            pairs.push([badge, counterpart(badge, { ...listing, messages }, json, site)]);
            odd.push(...badge.odd);
        }
        return { after: replaceIn(text, pairs), left, odd };
    };
    return [texts.map(mend), names.map((name) => projectIn(name, site))];
}"""


def test_what_is_pasted_keeps_every_byte_but_the_addresses(visitor: Visit) -> None:
    metrics = ["total", "month", "week", "day"]
    listed: dict[str, Any] = {
        name: {"name": name, "metrics": metrics, **dict.fromkeys(metrics, 1234)}
        for name in ("alpha-kit", "beta", "delta")
    }
    listed["beta"]["metrics"] = [*metrics, "without-mirrors"]
    usual = {"label": "downloads", "color": "blue", "message": "1.2k"}
    published = {"usual": usual, "delta": usual | {"color": "orange", "namedLogo": "pypi"}}
    shapes, names = MENDED["shape"], MENDED["names"]
    texts = [shape["before"] for shape in shapes]
    given = [texts, [*names], catalogue(visitor.site), listed, published]
    mended, named = visitor.open().evaluate(MEND, given)
    for shape, became in zip(shapes, mended, strict=True):
        after = re.sub(
            r"\{\{([\w/-]+)\}\}",
            lambda path: f"{SHIELDS}/endpoint?url={quote(f'{PUBLISHED}/{path[1]}.json', safe='')}",
            shape.get("after", shape["before"]),
        )
        told = {"left": shape.get("left", []), "odd": shape.get("odd", [])}
        assert became == {"after": after} | told, shape["before"]
    assert dict(zip(names, named, strict=True)) == {text: n or None for text, n in names.items()}
    assert len(shapes) >= 50


def test_a_pasted_badge_opens_as_its_replacement_and_what_is_none_is_told(visitor: Visit) -> None:
    page = visitor.open("#requests")
    visitor.shields_is_down = True  # it is asked below
    texts = [given["text"] for given in PASTED["badge"]]
    for given, text, shows in zip(PASTED["badge"], texts, paste(page, *texts), strict=True):
        path = f"requests/{given['metric']}".removesuffix("/total")
        assert query(shows.picture) == badge(path, **given["override"]), text
        assert show(shows.picture, visitor.site.read)
        assert shows.metric == given["metric"], text
        before, *picture, after = re.split(f"({re.escape(shows.picture)})", unescape(shows.code))
        assert unescape(text).startswith(before), text
        assert unescape(text).endswith(after), text
        assert picture == [shows.picture]
        assert "replace the old one" in shows.notice
    often = [(part * 20_000)[:20_000] for part in PASTED["often"]]
    assert {*paste(page, *PASTED["nothing"], *often)} == {None}
    go(page)
    for text in (PASTED["nothing"][1], "a README without any"):
        page.get_by_label("Find a package").fill(text)
        expect(page.locator("#add")).to_contain_text("no download badge")


def test_controls_change_the_address_in_the_pasted_text_and_nothing_else(visitor: Visit) -> None:
    page = visitor.open("#requests?format=html&link=none")
    text = f".. |d| image:: {SHIELDS}/pypi/dw/same?color=red\r\n   :alt: a & b\r\n\r\n|d|"
    paste(page, text)
    expect(page.locator("#formats")).to_be_hidden()  # they are as they were in the text
    expect(page.locator("#leads")).to_be_hidden()
    page.locator("#style").select_option("plastic")
    page.locator("#metrics label", has_text="Last 30 days").click()
    shows = built(page)
    assert query(shows.picture) == badge("same/month", style="plastic", color="red")
    page.locator("#copy").click()
    expect(page.locator("#copied")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == text.replace(f"{SHIELDS}/pypi/dw/same?color=red", shows.picture)
    page.go_back()
    assert built(page).code.startswith(".. |d| image:: ")  # the text is still there
    page.get_by_role("link", name="All packages").click()
    page.locator("tbody a", has_text="same").click()
    assert built(page).code.startswith("[![Downloads](")
    expect(page.locator("#formats")).to_be_visible()


LONGER = f"""# Badges\r
\r
[![d]({SHIELDS}/pypi/dm/requests?color=red&style=plastic)](x) ![]({PEPY}/badge/exact/month)\r
[![n]({SHIELDS}/pypi/dm/not-here)](x)\r
<img src="{SHIELDS}/pypi/dw/exact?color=blue&amp;unheard=of">\r
![o]({SHIELDS}/endpoint?url=https%3A%2F%2Fbadges.example.com%2Fstats%2Fsame.json)\r
![b]({SHIELDS}/pypi/dm/no\\_name)\r
"""


def test_a_longer_text_is_given_back_with_all_that_was_found(visitor: Visit) -> None:
    page = visitor.open()
    files = {"requests/month": "style=plastic&color=red", "exact/month": "", "exact/week": ""}
    new = [
        "&".join(
            filter(None, [f"{SHIELDS}/endpoint?url={quote(f'{PUBLISHED}/{p}.json', '')}", look])
        )
        for p, look in files.items()
    ]
    paste_only(page, LONGER)
    heading(page, "6 download badges of 4 packages")
    found = page.locator("#mendedFound")
    told = "3 replaced, 1 isn’t listed here, 1 is this site’s, 1 stays. Add not-here"
    expect(found).to_have_text(told)
    expect(found.locator("a")).to_have_attribute("href", f"{FORM}&packages=not-here")
    lines = page.locator("#mendedLines li")
    names = ["requests, exact", "not-here", "exact", "same"]
    places = [f"Line {at}, {name}" for at, name in enumerate(names, 3)]
    expect(lines.locator("b")).to_have_text([*places, "Line 7"])
    expect(lines.nth(0).locator("code")).to_have_text(f"[![d]({new[0]})](x) ![]({new[1]})")
    notes = ["counts them, too", "not-here isn’t listed here", "unheard=of", "own", "followed by"]
    for line, note in zip(lines.all(), notes, strict=True):
        expect(line).to_contain_text(note)
    page.locator("#mendedCopy").click()
    expect(page.locator("#mendedCopied")).to_have_text("Copied.")
    mended = LONGER.replace(f"{SHIELDS}/pypi/dm/requests?color=red&style=plastic", new[0])
    mended = mended.replace(f"{PEPY}/badge/exact/month", new[1])
    mended = mended.replace(f"{SHIELDS}/pypi/dw/exact?color=blue&amp;unheard=of", new[2])
    assert page.evaluate("navigator.clipboard.readText()") == mended
    expect(page.locator("#mendedText")).to_have_value(mended.replace("\r\n", "\n"))
    page.get_by_role("link", name="All packages").click()
    page.go_back()
    heading(page, "6 download badges of 4 packages")
    page.reload()  # nobody keeps the text
    heading(page, "A download badge that looks the way you want")
    paste_only(page, f"{SHIELDS}/pypi/dm/no\\_name")  # one that stays is told, too
    heading(page, "1 download badge")
    expect(found).to_have_text("0 replaced, 1 stays.")


def test_what_a_replacement_can_not_keep_is_told(visitor: Visit) -> None:
    page = visitor.open("#requests")
    found = paste(page, *(f"{SHIELDS}/pepy/dt/{name}" for name in SMALL))
    coloured = [f"{n}?color={c}" for n, c in zip(SMALL, COLOURS, strict=True)]
    assert [shows.fragment for shows in found] == coloured  # which Shields gave by the count
    kinds = {"dm": ("exact", "without-mirrors"), "dw": ("exact", "week")}
    kinds |= {"dd": ("exact", "day"), "dm/": ("requests", "month")}
    given = [f"{SHIELDS}/pypi/{kind[:2]}/{name}" for kind, (name, _) in kinds.items()]
    for shows, (name, metric) in zip(paste(page, *given), kinds.values(), strict=True):
        assert shows.fragment.startswith(f"{name}?metric={metric}&color=")
        assert ("counts them, too" in shows.notice) == (metric != "without-mirrors")
    expect(page.locator("#history .legend")).not_to_contain_text("mirrors")
    go(page, "exact")
    expect(page.locator("#history .legend")).to_contain_text("The same without mirrors")
    units = [f"{PEPY}/personalized-badge/{name}?units=none" for name in ("requests", "exact")]
    assert ["units" in shows.notice for shows in paste(page, *units)] == [True, False]
    (shows,) = paste(page, f"![]({PEPY}/badge/pydantic)")
    assert shows.fragment == "pydantic?style=flat&label=downloads&color=blue&labelColor=grey"
    assert "has a logo. You can replace it" in shows.notice


def test_back_and_forward_undo_and_redo(visitor: Visit) -> None:
    page = visitor.open()
    page.locator("tbody a", has_text="requests").click()
    page.locator("#style").select_option("plastic")
    built(page)
    label = page.get_by_label("Label", exact=True)
    label.select_text()
    label.press_sequentially("installs")
    steps = ["requests", "requests?style=plastic", "requests?style=plastic&label=installs"]
    expect(page).to_have_url(f"{visitor.site.address}/#{steps[2]}")  # when the typing rests
    page.go_back()  # one step, however many keys
    expect(label).to_have_value("downloads")
    page.go_back()
    expect(page.locator("#style")).to_have_value("flat")
    for fragment in steps[1:]:
        page.go_forward()
        expect(page).to_have_url(f"{visitor.site.address}/#{fragment}")
    page.locator("#color").fill("pi")  # which isn't one yet
    built(page)
    page.locator("#color").fill("pink")
    assert built(page).fragment == f"{steps[2]}&color=pink"
    page.go_back()
    assert built(page).fragment == steps[2]
    label.fill("mine")
    page.get_by_role("link", name="All packages").click()  # leaving in mid-change loses nothing
    page.go_back()
    expect(label).to_have_value("mine")


def test_a_fork_works_wherever_it_is_served(visitor: Visit) -> None:
    page, address = visitor.page, "https://someone.github.io/stats/"
    visitor.shields_is_down = True  # it would look elsewhere for the files

    def answer(route: Route) -> None:
        path = route.request.url.removeprefix(address) or "index.html"
        route.fulfill(path=visitor.site.docs / path)

    visitor.context.route(f"{address}**", answer)
    serve(visitor, script.CATALOGUE, json=catalogue(visitor.site) | {"repository": "", "url": None})
    page.goto(f"{address}#requests?metric=week")
    assert query(built(page).picture) == {"url": f"{address}requests/week.json"}
    go(page, "not-here")
    heading(page, "not-here")
    links = [page.locator(x).get_attribute("href") for x in ("[data-link=home]", "#ask")]
    assert links == [HOME, f"{FORM}&packages=not-here"]


def test_without_figures_or_a_catalogue_it_says_what_to_do(visitor: Visit) -> None:
    serve(visitor, script.CATALOGUE, json=catalogue(visitor.site) | {"packages": []})
    page = visitor.open("#requests")
    heading(page, "No figures yet")
    links = page.locator(".steps a").evaluate_all("(all) => all.map((a) => a.href)")
    paths = ("settings/secrets/actions/new", "settings/pages", "edit/main/packages.toml")
    wanted = [f"{HOME}/{path}" for path in (*paths, "actions/workflows/update.yml")]
    assert links == ["https://pepy.tech/", *wanted]
    assert visitor.pictures == []
    visitor.shields_is_down = True  # the console tells of the status
    for status, told in ((404, "No figures yet"), (500, "The list can’t be shown")):
        serve(visitor, script.CATALOGUE, status=status)
        page.reload()
        heading(page, told)
    expect(page.locator("#failed")).to_have_text("_packages.json can’t be read: its status is 500.")
    expect(page.locator("#branch")).to_be_hidden()


def test_a_site_served_from_a_branch_which_has_no_list_says_what_to_set(visitor: Visit) -> None:
    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path.removeprefix("/stats/")
        route.fulfill(path=visitor.site.docs / (path or "index.html"))

    visitor.shields_is_down = True
    visitor.context.route("https://someone.github.io/stats/**", answer)
    serve(visitor, script.CATALOGUE, status=404)
    page = visitor.page
    page.goto("https://someone.github.io/stats/")
    heading(page, "The list can’t be shown")
    told = page.locator("#branch")
    expect(told).to_contain_text("choose GitHub Actions as the source. Then press Run workflow")
    links = told.locator("a").evaluate_all("(all) => all.map((a) => a.href)")
    assert links == [f"{HOME}/settings/pages", f"{HOME}/actions/workflows/update.yml"]


def test_addresses_begin_with_https_where_the_page_does_not(visitor: Visit) -> None:
    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path.removeprefix("/stats/")
        route.fulfill(path=visitor.site.docs / (path or "index.html"))

    visitor.shields_is_down = True
    visitor.context.route("http://badges.example/**", answer)
    serve(visitor, script.CATALOGUE, body=json.dumps(catalogue(visitor.site) | {"url": None}))
    visitor.page.goto("http://badges.example/stats/#requests")
    address = "https%3A%2F%2Fbadges.example%2Fstats%2Frequests.json"
    expect(visitor.page.locator("#code")).to_have_value(re.compile(address))
    page = visitor.open("#requests")  # on this machine there is no other
    expect(page.locator("#code")).to_have_value(re.compile(r"url=http%3A%2F%2F127\.0\.0\.1"))


@pytest.mark.parametrize("alone", [True, False])
def test_a_package_of_which_only_badges_are_known_is_there(visitor: Visit, alone: bool) -> None:
    whole = catalogue(visitor.site)
    odd = script.row_of_badges(visitor.site.docs, "requests")
    others = [row for row in whole["packages"] if row["name"] != "requests" and not alone]
    serve(visitor, script.CATALOGUE, body=json.dumps(whole | {"packages": [*others, odd]}))
    page = visitor.open()
    row = page.locator("#packages tr", has=page.locator("a[href='#requests']"))
    assert row.locator("td.number").all_text_contents() == ["–"] * 5
    expect(row.locator(".stale")).to_have_count(0)
    expect(page.locator("#dates")).not_to_contain_text("1970")
    page = visitor.open("#requests")
    expect(page.locator("#code")).to_have_value(re.compile(r"%2Frequests\.json"))
    expect(page.locator("#builder")).not_to_contain_text("1970")
    expect(page.locator("#notice")).to_be_empty()
    expect(page.locator("#metrics label").first).to_have_text(f"{odd['badges'][0]}Total")


def test_where_shields_or_a_badge_can_not_be_had_the_code_is_there(visitor: Visit) -> None:
    visitor.shields_is_down = True
    page = visitor.open("#requests")
    expect(page.locator("#undrawn")).to_be_visible()
    assert built(page).code.startswith(f"[![Downloads]({SHIELDS}/endpoint?url=")
    serve(visitor, "same.json", status=404)
    go(page, "same")
    assert "own look could not be read" in built(page).notice


SHIFTED = """
window.shifted = [];
new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries()) {
        const moved = sources.map(({ node }) => node?.id || node?.nodeName);
        if (!hadRecentInput) shifted.push([value, ...moved]);
    }
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.parametrize("width", [1280, 375])
def test_what_needs_no_figures_is_there_before_them_and_nothing_jumps(
    browser: Browser, site: Site, width: int
) -> None:
    with visit(browser, site, viewport={"width": width, "height": 800}) as visited:
        page = visited.page
        visited.context.add_init_script(SHIFTED)
        held = hold(visited, script.CATALOGUE)
        for fragment in ("", "#exact"):
            page.goto(f"{site.address}/{fragment}", wait_until="commit")
            search = page.get_by_label("Find a package")
            if fragment:
                expect(search).to_be_hidden()  # another view comes
            else:
                heading(page, "A download badge that looks the way you want")
                search.fill("fal")
            while not held:
                page.wait_for_timeout(10)
            held.pop().fallback()
            page.locator(".bands" if fragment else "#examples img").first.wait_for()
            page.wait_for_timeout(100)  # for pictures
            if not fragment:
                assert shown(page) == ["falls"]  # as somebody typed before
                assert page.url.endswith("#?search=fal")
            shifts = page.evaluate("shifted")
            assert sum(value for value, *_ in shifts) <= 0.05, shifts
            assert held == []  # it is asked for once
            page.goto("about:blank")


def test_what_failed_is_named(visitor: Visit) -> None:
    visitor.shields_is_down = True  # the console tells of the failure
    for name in ("chart.js", "page.js"):
        serve(visitor, name, status=500)
        page = visitor.open("#requests")
        heading(page, "The list can’t be shown")
        expect(page.locator("#failed")).to_have_text(f"Not to be had: {name}.")
        visitor.context.unroute(f"**/{name}")
        page.goto("about:blank")
    for told, body in {"damaged": "[", "TypeError": '{"packages": [{}]}'}.items():
        serve(visitor, script.CATALOGUE, body=body)
        page = visitor.open("#falls")
        heading(page, "The list can’t be shown")
        expect(page.locator("#failed")).to_contain_text(told)
        page.goto("about:blank")


def test_without_shields_the_list_shows_no_broken_pictures(visitor: Visit) -> None:
    visitor.shields_is_down = True
    page = visitor.open()
    examples = page.locator("#examples a")
    told = [f"pydantic in {style} style" for style in ("the usual", "flat-square", "for-the-badge")]
    expect(examples).to_have_text([*told, "pydantic in social style"])
    expect(page.locator("#list img")).to_have_count(0)
    examples.last.click()
    assert built(page).fragment == "pydantic?metric=month&style=social&logo=python"


def test_without_javascript_it_explains_itself(browser: Browser, site: Site) -> None:
    with visit(browser, site, java_script_enabled=False) as visitor:
        visitor.page.goto(site.address)
        expect(visitor.page.get_by_label("Find a package")).to_be_hidden()  # which finds nothing
        told = visitor.page.locator("noscript").inner_text()
        assert "NAME/month.json" in told.partition("JavaScript, which is off")[2]
        expect(visitor.page.locator("footer [href*='/sponsors/psincraian']")).to_be_visible()


def test_an_address_that_leads_nowhere_shows_the_way(visitor: Visit) -> None:
    page, root = visitor.page, f"{visitor.site.address}/"
    for path, name in (("a/b.json", "#a"), ("-", ""), ("/b.c/x", "#b.c")):
        page.goto(root + path)
        heading(page, "Nothing is here")
        expect(page.locator("#ways")).to_be_visible()
        ways = page.locator("#ways a").evaluate_all("(all) => all.map((a) => a.href)")
        assert ways == [root + name, root][not name :]


def test_the_keyboard_alone_does_everything(visitor: Visit) -> None:
    page = visitor.open()

    def tab_to(name: str, *keys: str) -> None:
        found = ""
        while found != name:
            page.keyboard.press("Tab")
            ring, found = page.evaluate("""() => {
                const active = document.activeElement, next = active.nextElementSibling;
                const face = next?.matches(".face") ? next : active;
                return [getComputedStyle(face).outlineStyle, active.id || active.name];
            }""")
            assert ring != "none", found  # one sees where one is
        for key in keys:
            page.keyboard.press(key)

    tab_to("skip", "Enter")
    expect(page.locator("#main")).to_be_focused()
    tab_to("search", *"reque", "Enter")
    expect(page.locator("h1:visible")).to_be_focused()
    page.locator("#look").wait_for()
    tab_to("metric", "ArrowRight")
    tab_to("style", *"pl")
    for control, text in (("label", "mine"), ("color", "red")):
        tab_to(control, *text, "Escape")  # which closes the suggestions
    for choice in ("link", "format"):
        tab_to(choice, "ArrowRight")
    tab_to("copy", "Enter")
    expect(page.locator("#copied")).to_have_text("Copied as HTML.")
    source, _, link = rendered(page.evaluate("navigator.clipboard.readText()"))
    look = {"style": "plastic", "label": "mine", "color": "red"}
    assert (query(source), link) == (badge("requests/month", **look), LINKS["pypistats"])


BESIDE = """(all) => all.every((item) => {
    const bands = item.closest(".bands"), parts = [item, bands.querySelector("svg"), bands];
    const [name, picture, whole] = parts.map((part) => part.getBoundingClientRect());
    return picture.width > 60 && name.left > picture.right && name.right < whole.right + 1;
})"""


STICKS_OUT = """(width) => [...document.querySelectorAll("main *")].filter((element) => {
    const { left, right, width: own } = element.getBoundingClientRect();
    const isSeen = own > 1 && element.checkVisibility() && !element.closest(".unseen, .scroll");
    const isCut = element.matches(".metrics *") && element.scrollWidth > element.clientWidth + 1;
    return isSeen && (isCut || left < 0 || right > width) && !element.closest("svg, .examples");
}).map((element) => element.outerHTML.slice(0, 200))"""


def test_all_is_accessible_in_either_scheme_and_fits(browser: Browser, site: Site) -> None:
    with visit(browser, site, reduced_motion="reduce") as visitor:
        visitor.shields_is_down = True  # so that this is told, too
        serve(visitor, script.CATALOGUE, json=with_release(site, LONG))
        lines = {f"{year}.{month}": (1, 9999) for year in (2026, 20261231) for month in (11, 12)}
        serve(visitor, f"{LONG}/releases.csv", body=weeks_of({"2025.10": (9999, 1)} | lines))
        page = visitor.open("#not-here")
        go(page, "?search=a-")
        paste_only(page, LONGER)
        page.locator("#mendedLines li").nth(4).wait_for()
        go(page, "?compare=falls,rises,same,not-here")
        expect(page.locator("#comparison .legend li")).to_have_count(3)
        go(page, f"{LONG}?metric=python&link=https://x.org&style=for-the-badge")
        built(page)
        page.locator("#target").fill("javascript:1")
        page.locator("#color").fill("blu")
        page.locator("#copy").click()
        expect(page.locator(".bands:visible")).to_have_count(2)
        page.evaluate("document.querySelectorAll('main > *').forEach((v) => { v.hidden = false; })")
        page.wait_for_load_state("networkidle")
        every: dict[str, Any] = {"resultTypes": ["violations"]}
        schemes: dict[Any, Any] = {"light": every, "dark": every | {"runOnly": ["color-contrast"]}}
        for scheme, options in schemes.items():
            page.emulate_media(color_scheme=scheme)
            results = Axe().run(page, options=options)
            assert results.violations_count == 0, f"{scheme}: {results.generate_report()}"
        for width in (320, 375, 430, 780, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert width > 320 or page.evaluate(STICKS_OUT, width) == []
            assert page.locator(".bands li").evaluate_all(BESIDE)


def test_a_hostile_address_or_catalogue_shows_as_text_and_runs_nothing(visitor: Visit) -> None:
    page = visitor.open()
    for fragment in (*PASTED["hostile"], f"requests?label={'x' * 5000}"):
        go(page, fragment)
        assert page.locator("img[src=x], main script").count() == 0
        links = page.locator("a").evaluate_all("(all) => all.map((a) => a.protocol)")
        assert set(links) <= {"http:", "https:", ":"}
        if page.locator("#builder").is_visible():
            assert not re.search(r"onerror=alert|javascript:|evil", "".join(codes(page).values()))
    files = catalogue(visitor.site)
    files["packages"][0] |= {"name": HOSTILE, "total": 0}
    serve(visitor, script.CATALOGUE, json=files)
    page.goto(f"{visitor.site.address}/?again")
    expect(page.locator("tbody")).to_contain_text(HOSTILE)
    assert page.locator("img[src=x]").count() == 0


def test_with_made_up_figures_its_badges_are_drawn_on_this_machine(
    made_up_page: str, browser: Browser
) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{made_up_page}#requests")
        page.wait_for_selector("#builder:not([hidden]):not(:has(#look[hidden]))")
        page.wait_for_load_state("networkidle")
        assert page.locator("#preview").evaluate("({ naturalWidth }) => naturalWidth") > 50
        assert "(https://img.shields.io/endpoint?url=" in page.locator("#code").input_value()
        assert [address for address in asked if not address.startswith(made_up_page)] == []
