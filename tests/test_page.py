"""The page, in a real browser over a site that the script rendered: one test a journey."""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import PUBLISHED, ROOT, Site, Visit, executable, launch, visit
from conftest import Project, daily
from markdown_it import MarkdownIt
from pepy import Pepy, newest_complete_day
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright
from pypistats import Pypistats
from shields import show

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
PACKAGES = "\n[[package]]\n".join([f"site.url = '{PUBLISHED}'", *TABLES, ""])
SMALL = {"none": 0, "one-digit": 9, "two-digits": 10, "three-digits": 100, "four-digits": 1000}
COUNTS = {"rises": [10] * 30 + [13] * 30, "same": [7] * 60, "stale": [7] * 60}
COUNTS["falls"] = [5] * 340 + [20] * 30 + [10] * 30  # the only one with a year
SHIELDS, PEPY = "https://img.shields.io", "https://static.pepy.tech"
HOME = "https://github.com/someone/stats"
FORM = f"{HOME}/issues/new?template=add-package.yml"
PASTED = tomllib.loads((ROOT / "tests/pasted.toml").read_text(encoding="utf-8"))


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
    (project.docs / "stale/stats.json").write_text(
        json.dumps(project.json("stale/stats.json") | old)
    )
    assert project.run(None, "render", **variables).code == 0
    with Site(project.docs) as served:
        yield served


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Iterator[Visit]:
    with visit(browser, site) as visited:
        yield visited


def catalogue(site: Site) -> Any:
    return json.loads((site.docs / script.CATALOGUE).read_bytes())


def serve(visitor: Visit, path: str, **answer: Any) -> None:
    """From now on the page gets this instead of a file."""
    visitor.context.route(f"**/{path}", lambda route: route.fulfill(**answer))


def shown(page: Page) -> list[str]:
    return page.locator("#packages tbody tr:not([hidden]) a").all_text_contents()


def query(address: str) -> dict[str, str]:
    return dict(parse_qsl(address.partition("?")[2], keep_blank_values=True))


def badge(path: str, **look: str) -> dict[str, str]:
    return {"url": f"{PUBLISHED}/{path}.json"} | look


READ = """(() => {
    const look = document.getElementById("look"), { metric, format, code } = look.elements;
    look.dispatchEvent(new FocusEvent("focusout"));
    const picture = document.querySelector(".cards label:has(:checked) img").src;
    if (document.getElementById("preview").src !== picture) throw new Error("another preview");
    const values = { metric: metric.value, format: format.value, code: code.value, picture };
    const notice = document.getElementById("notice").textContent;
    return { fragment: location.hash.slice(1), notice, ...values };
})()"""


def built(page: Page) -> Any:
    """What the builder shows once all has followed the controls, as leaving one makes it."""
    page.locator("#code").wait_for()
    return SimpleNamespace(**page.evaluate(READ))


def code(page: Page, markup: str = "markdown") -> str:
    page.locator(f"#formats label:has([value={markup}])").click()
    return page.locator("#code").input_value()


def go(page: Page, fragment: str = "") -> None:
    """Follow a link within the page."""
    page.evaluate(f"""async () => {{
        const moved = new Promise((done) => addEventListener("hashchange", done));
        const before = location.hash;
        location.hash = {json.dumps(fragment)};
        if (location.hash !== before) await moved;
    }}""")


def heading(page: Page, text: str) -> None:
    expect(page.locator("h1:visible")).to_have_text(text)


def test_the_list_shows_all_figures_and_how_fresh_they_are(visitor: Visit) -> None:
    listings, page = catalogue(visitor.site)["packages"], visitor.open()
    rows = page.locator("#packages tbody tr").evaluate_all(
        "(rows) => rows.map((row) => [...row.cells].map((c) => c.title || c.textContent))"
    )
    drawn = page.locator("tr:has([href='#falls']) path").get_attribute("d")
    dates = page.locator("#dates").inner_text()
    go(page, "stale")
    expect(page.locator("#notice")).to_contain_text("stale: they were last fetched on")
    told = {name: cells for name, _, *cells in rows}
    for listing in listings:
        since = datetime.fromisoformat(listing["fetched"])
        old = f" stale: last fetched on {since.day} {since:%B %Y}"
        cells = told[listing["name"] + (old if listing["name"] == "stale" else "")]
        figures = [f"{listing[key]:,}" for key in ("total", "month", "week", "day")]
        assert [*cells[:2], *cells[3:]] == figures
    changes = {name: told[name][2] for name in ("falls", "rises", "same", "none")}
    assert changes == {"falls": "−50.0%", "rises": "+30.0%", "same": "0.0%", "none": "–"}
    points = enumerate([26] * 30 + [0] * 30 + [17] * 30)
    assert drawn == "M" + "L".join(f"{day} {height}" for day, height in points)
    fetched = datetime.fromisoformat(max(listing["fetched"] for listing in listings))
    assert f"Fetched on {fetched.day} {fetched:%B %Y} at {fetched:%H:%M} UTC" in dates


def test_the_search_filters_as_one_types_and_enter_opens_the_very_name(visitor: Visit) -> None:
    files = catalogue(visitor.site)
    files["packages"].append(files["packages"][0] | {"name": "requests-more", "total": 10**14})
    serve(visitor, script.CATALOGUE, json=files)
    visitor.shields_is_down = True  # which has no badge of that one
    page = visitor.open()
    search = page.get_by_label("Find your package")
    search.press_sequentially("digit")
    assert shown(page) == ["four-digits", "three-digits", "two-digits", "one-digit"]
    expect(page.locator("#found")).to_have_text("4 of 16 packages")
    search.fill("Hostile_L")
    assert shown(page) == ["hostile-look"]
    search.fill("requests")
    assert shown(page) == ["requests-more", "requests"]
    search.press("Enter")
    heading(page, "requests")


def test_every_column_sorts_both_ways_and_the_list_is_found_as_it_was_left(visitor: Visit) -> None:
    page = visitor.open("#?sort=name")
    by_name = {listing["name"]: listing for listing in catalogue(visitor.site)["packages"]}
    for key in ("total", "change", "week", "day", "name", "month"):
        column = page.locator(f"th[data-key={key}]")
        for order in ("descending", "ascending")[:: -1 if key == "name" else 1]:
            column.get_by_role("button").click()
            assert column.get_attribute("aria-sort") == order
            rows = [by_name[name] for name in shown(page)]
            if key == "change":  # those without one come last
                rows = rows[: sum(row["previous_month"] > 0 for row in rows)]
            values = [r[key] if key in r else r["month"] / r["previous_month"] for r in rows]
            assert values == sorted(values, reverse=order == "descending"), key
    page.get_by_label("Find your package").fill("s")
    names = shown(page)
    page.reload()
    link = page.locator("tbody a", has_text="same")
    link.click()
    expect(page.locator("h1:visible")).to_be_focused()
    page.get_by_role("link", name="All packages").click()
    expect(link).to_be_focused()
    assert (shown(page), urlsplit(page.url).fragment) == (names, "?search=s&sort=month")


def test_a_missing_package_leads_to_the_form_with_nothing_but_its_name(visitor: Visit) -> None:
    page = visitor.open()

    def leads(name: str) -> str | None:
        return page.get_by_role("link", name=name, exact=True).get_attribute("href")

    search = page.get_by_label("Find your package")
    assert leads("Add a package") == FORM
    for text, name in (("Zope.Interface", "zope-interface"), ("sam", "sam")):
        search.fill(text)  # which fits none, or one but isn't it
        assert leads(f"Add {name}") == f"{FORM}&packages={name}"
    for text, told in (("same", ""), ("no&packages=evil", "No package can be called that.")):
        search.fill(text)
        expect(page.locator("#add")).to_have_text(told)
    page.locator("#paste").fill(f"![d]({SHIELDS}/pypi/dm/Flask_Login?style=social)")
    assert leads("Add flask-login") == f"{FORM}&packages=flask-login"
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
    told = page.locator("#figures").inner_text()
    assert all(f"{listing[key]:,}" in told for key in ("total", "month", "week", "day"))
    alts = page.locator(".cards img").evaluate_all("(all) => all.map((image) => image.alt)")
    assert alts == [message and f"installs: {message}" for message in listing["badges"]]
    # Shields drops the own logo's colour and size as soon as an address names a logo.
    for given in ("pydantic?logo=pydantic", "pydantic?style=flat"):
        go(page, f"{given}&color=%23E92063&label=installs")
        assert built(page).fragment == given
    page.locator("#reset").click()
    assert built(page).fragment == "pydantic"
    go(page, "drawn?labelColor=grey")  # without a label its left side has no usual colour
    assert built(page).fragment == "drawn?labelColor=grey"


def test_all_metrics_are_side_by_side_in_the_chosen_look(visitor: Visit) -> None:
    page = visitor.open("#falls?style=plastic&color=orange")
    cards = page.locator(".cards label:visible")
    titles = ["Total", "Last 30 days", "Last 7 days", "Last day", "Last 365 days"]
    assert [text.strip() for text in cards.all_inner_texts()] == titles
    for metric, title in zip(("total", "month", "week", "day", "year"), titles, strict=True):
        card = cards.filter(has_text=title)
        card.click()
        path, shows = f"falls/{metric}".removesuffix("/total"), built(page)
        assert query(shows.picture) == badge(path, style="plastic", color="orange")
        assert quote(f"{PUBLISHED}/{path}.json", safe="") in shows.code
        assert (f"metric={metric}" in shows.fragment) == (metric != "total")
        expect(card.locator("img")).not_to_have_js_property("naturalWidth", 0)
    for metric, title in (("python", "Python versions"), ("system", "Operating system")):
        go(page, f"exact?metric={metric}")  # whose labels are their own
        assert built(page).code.startswith(f"[![{title}](")
        expect(page.locator("#label")).to_have_value(metric)
    go(page, "same?metric=year&label=mine&color=red")  # of 60 days
    assert built(page).fragment == "same?color=red"
    expect(page.locator("#notice")).to_contain_text("no such badge of this package here")


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
    for control, value, override in CONTROLS:
        field, look = page.locator(f"#{control}"), override or {}
        usual = field.input_value()
        field.fill(value)
        shows = built(page)
        assert query(shows.picture) == query(shows.code) == badge("requests", **look)
        assert query(shows.fragment) == look | {"format": "address"}
        assert field.get_attribute("aria-invalid") == ("true" if override is None else None)
        told = "".join(page.locator(".wrong").all_text_contents())
        assert bool(told) == (override is None)
        field.fill(usual)


def test_a_metric_is_one_row_of_the_script_and_nothing_here(
    browser: Browser, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def best(_: script.Package, __: script.Stats, history: script.History) -> str:
        return f"{max(history.values(), default=0)} at best"

    row = script.Metric("{}/best-day.json", "The best day", best, "record")
    monkeypatch.setattr(script, "METRICS", (*script.METRICS, row))
    shutil.copytree(site.docs, tmp_path / "docs")
    project = Project(tmp_path)
    project.list("falls", text=f'[site]\nurl = "{PUBLISHED}"\n')
    assert project.run(None, "render").code == 0
    with Site(project.docs) as longer, visit(browser, longer) as visitor:
        page = visitor.open("#falls")
        card = page.locator(".cards label", has_text="The best day")
        assert card.locator("img").get_attribute("alt") == "record: 20 at best"
        card.click()
        page.get_by_label("Colour", exact=True).fill("green")
        shows = built(page)
        assert shows.fragment == "falls?metric=best-day&color=green"
        source, text, _ = CODES["markdown"](shows.code)
        assert (query(source), text) == (badge("falls/best-day", color="green"), "The best day")
        go(page)
        page.get_by_label("paste the badge").fill(source)
        assert built(page).fragment == "falls?metric=best-day&color=green&format=address"


def by(pattern: str) -> Callable[[str], list[str]]:
    """A reader of some markup: the picture's address, its text, and the link or ""."""

    def read(text: str) -> list[str]:
        match = re.fullmatch(pattern, text)
        assert match, text
        clean = unescape if "<" in text else str
        return [clean(match[part] or "") for part in ("at", "text", "link")]

    return read


in_html = by('(<a href="(?P<link>[^"]+)">)?<img src="(?P<at>[^"]+)" alt="(?P<text>[^"]+)">(</a>)?')
SAFE, TEXT = r"[\w:/?&=%.+#@-]+", r"(?P<text>[\w ]+)"  # in which markup finds no meaning
CODES: dict[str, Callable[[str], list[str]]] = {
    "markdown": lambda text: in_html(MarkdownIt().renderInline(text).replace(" />", ">")),
    "html": in_html,
    "rst": by(rf"\.\. image:: (?P<at>{SAFE})\n   :alt: {TEXT}(\n   :target: (?P<link>{SAFE}))?"),
    "asciidoc": by(rf'image:(?P<at>{SAFE})\["{TEXT}"(,link="(?P<link>{SAFE})")?\]'),
}
LABEL = "<b> (1) [2] __x__ *y* `z` &amp; \"q\" 's' a,b;c|d~e"
LINK = (
    "https://example.org/a_(b)/__init__/_c_/@me/x--y...z/1+2+3/*?x=[1],2&y='3'~4|5_"
    "&z={sys:id}{counter:c}{user-home}&w=a\\b^c^&v=+d+&copy;&q=$$e$$#f#g#"
)
LINKS = {"pepy": "https://pepy.tech/projects/requests", LINK: LINK, "": ""}
LINKS |= {"pypistats": "https://pypistats.org/packages/requests"}


def parse_link(address: str) -> list[Any]:
    parts = urlsplit(address)
    return [*parts[:2], unquote(parts.path), parse_qs(parts.query), unquote(parts.fragment)]


@pytest.mark.parametrize("link", LINKS, ids=["PePy", "another address", "no link", "pypistats"])
def test_every_format_shows_the_picture_its_text_and_the_link(visitor: Visit, link: str) -> None:
    look = {"label": LABEL, "logo": "python"} if len(link) > 5 else {}
    given = "&".join(f"{k}={quote(v, safe='')}" for k, v in (look | {"link": link}).items())
    page = visitor.open(f"#requests?metric=week&{given}")
    wanted = badge("requests/week", **look)
    assert query(code(page, "address")) == wanted
    for markup, render in CODES.items():
        source, text, led = render(code(page, markup))
        assert (query(source), text) == (wanted, "Downloads"), markup
        assert parse_link(led) == parse_link(LINKS[link]), markup


def test_copying_puts_the_code_on_the_clipboard_or_selects_it(visitor: Visit) -> None:
    page = visitor.open("#requests?metric=month")
    text = code(page, "rst")
    page.locator("#copy").click()
    expect(page.locator("#copied")).to_have_text("Copied as reStructuredText.")
    assert page.evaluate("navigator.clipboard.readText()") == text
    page.get_by_role("button", name="Copy the chart").click()
    expect(page.locator("#chart-copied")).to_have_text("Copied as Markdown.")
    chart, _, link = CODES["markdown"](page.evaluate("navigator.clipboard.readText()"))
    assert (chart, link) == (f"{PUBLISHED}/requests/chart.svg", LINKS["pepy"])
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.locator("#copy").click()
    expect(page.locator("#copied")).to_contain_text("press Ctrl")
    assert page.evaluate("getSelection().toString()") == text


def test_a_breakdown_is_shown_as_it_is_kept_and_so_is_what_it_lacks(visitor: Visit) -> None:
    newest = datetime.now(UTC).date() - timedelta(days=1)
    page = visitor.open("#exact")
    for number, name in enumerate(("python", "system")):
        rows = page.locator("#parts > div").nth(number).locator("li").all_inner_texts()
        table = script.parse_table((visitor.site.docs / f"exact/{name}.csv").read_bytes(), newest)
        counts = {h: sum(script.window(table[h], newest, 30)) for h in table if h != "unknown"}
        parts = {h: 100 * counts[h] / sum(counts.values()) for h in counts if counts[h]}
        shares = {h: f"{part:.{int(part < 9.5)}f}%" for h, part in parts.items()}
        assert dict(map(str.split, rows)) == shares
    expect(page.locator(".legend li")).to_have_count(page.locator(".bands path").count())
    for text, seen in (("3.12,unknown\n2026-01-12,5,1\n2026-03-01,,7", 1), ("", 0)):
        for name in ("python", "system"):  # whose last month names nothing, or that has no days
            serve(visitor, f"exact/{name}.csv", body=f"date,{text}")
        page.reload()
        page.wait_for_load_state("networkidle")
        expect(page.locator("#parts .bands")).to_have_count(seen)
        expect(page.locator("#parts .bars")).to_have_count(0)


def test_a_pasted_badge_opens_as_its_replacement_and_what_is_none_is_told(visitor: Visit) -> None:
    page = visitor.open("#requests")
    visitor.shields_is_down = True  # it is asked below
    paste = f"""async (texts) => {{
        const $ = (id) => document.getElementById(id), found = [], step = async (act) => {{
            const before = location.hash;
            const moved = new Promise((d) => addEventListener("hashchange", () => setTimeout(d)));
            act();
            if (location.hash !== before) await moved;
        }};
        for (const value of texts) {{
            await step(() => {{ location.hash = ""; }});
            Object.assign($("paste"), {{ value }});
            await step(() => $("paste").dispatchEvent(new Event("input")));
            found.push($("paste-told").textContent || {READ});
        }}
        return found;
    }}"""
    found = page.evaluate(paste, [given["text"] for given in PASTED["badge"]])
    for given, shows in zip(PASTED["badge"], found, strict=True):
        metric, markup = given["metric"], given["markup"]
        path = f"requests/{metric}".removesuffix("/total")
        assert query(shows["picture"]) == badge(path, **given["override"]), given["text"]
        assert show(shows["picture"], visitor.site.read)
        assert (shows["metric"], shows["format"]) == (metric, markup), given["text"]
        led = CODES[markup](shows["code"])[2] if markup in CODES else None
        assert led == given.get("link"), given["text"]
        assert "copy it over the old one" in shows["notice"]
    often = [(part * 20_000)[:20_000] for part in PASTED["often"]]
    told = {*page.evaluate(paste, [*PASTED["nothing"], *often])}
    assert told == {"There is no download badge of Shields or PePy in that."}


def test_what_a_replacement_can_not_keep_is_told(visitor: Visit) -> None:
    page = visitor.open()

    def paste(text: str) -> Any:
        go(page)
        page.locator("#paste").fill(text)
        return built(page)

    for project, differ in (("requests", True), ("exact", False)):
        shows = paste(f"{PEPY}/personalized-badge/{project}?units=none")
        assert ("units" in shows.notice) == differ
    shows = paste(f"![]({PEPY}/badge/pydantic)")
    assert shows.fragment == "pydantic?style=flat&label=downloads&color=blue&labelColor=grey"
    assert "has a logo, which an address can replace" in shows.notice


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
    assert query(built(page).picture) == badge("requests", style="plastic")
    page.go_back()
    expect(page.locator("#style")).to_have_value("flat")
    for fragment in steps[1:]:
        page.go_forward()
        expect(page).to_have_url(f"{visitor.site.address}/#{fragment}")
    label.fill("mine")
    page.get_by_role("link", name="All packages").click()  # leaving in mid-change loses nothing
    page.go_back()
    expect(label).to_have_value("mine")


def test_a_fork_works_wherever_it_is_served(visitor: Visit) -> None:
    page, visitor.shields_is_down = visitor.page, True  # it would look elsewhere for the files
    address = "https://someone.github.io/stats/"

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
    page = visitor.page
    serve(visitor, script.CATALOGUE, json=catalogue(visitor.site) | {"packages": []})
    visitor.open("#requests")
    heading(page, "No figures yet")
    links = page.locator(".steps a").evaluate_all("(all) => all.map((a) => a.href)")
    paths = ("settings/secrets/actions/new", "settings/pages", "edit/main/packages.toml")
    wanted = [f"{HOME}/{path}" for path in (*paths, "actions/workflows/update.yml")]
    assert links == ["https://pepy.tech/", *wanted]
    assert visitor.pictures == []
    visitor.shields_is_down = True  # the console tells of the status
    for status, told in ((404, "No figures yet"), (500, "The list could not be read")):
        serve(visitor, script.CATALOGUE, status=status)
        page.reload()
        heading(page, told)


def test_where_shields_or_a_badge_can_not_be_had_the_code_is_there(visitor: Visit) -> None:
    visitor.shields_is_down = True
    page = visitor.open("#requests")
    expect(page.locator("#undrawn")).to_be_visible()
    assert built(page).code.startswith(f"[![Downloads]({SHIELDS}/endpoint?url=")
    serve(visitor, "same.json", status=404)
    go(page, "same")
    assert "settings could not be read" in built(page).notice


def test_without_javascript_it_explains_itself(browser: Browser, site: Site) -> None:
    with visit(browser, site, java_script_enabled=False) as visitor:
        visitor.page.goto(site.address)
        told = visitor.page.locator("noscript").inner_text()
        assert "NAME/month.json" in told.partition("JavaScript, which is off")[2]
        expect(visitor.page.locator("footer [href*='/sponsors/psincraian']")).to_be_visible()


@pytest.mark.parametrize(("path", "name"), [("/a/b.json", "a"), ("/-", ""), ("//b.c/x", "b.c")])
def test_an_address_that_leads_nowhere_shows_the_way(visitor: Visit, path: str, name: str) -> None:
    page, root = visitor.page, f"{visitor.site.address}/"
    page.goto(f"{visitor.site.address}{path}")
    heading(page, "Nothing is here")
    expect(page.locator("#ways")).to_be_visible()
    ways = page.locator("#ways a").evaluate_all("(all) => all.map((a) => a.href)")
    assert ways == ([f"{root}#{name}"] if name else []) + [root]


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
    source, _, link = in_html(page.evaluate("navigator.clipboard.readText()"))
    look = {"style": "plastic", "label": "mine", "color": "red"}
    assert (query(source), link) == (badge("requests/month", **look), LINKS["pypistats"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_is_accessible_and_fits(browser: Browser, site: Site, scheme: Any) -> None:
    with visit(browser, site, color_scheme=scheme) as visitor:
        visitor.shields_is_down = True  # so that this is told, too
        page = visitor.open("#not-here")
        go(page, "?search=a-")
        go(page, f"{LONG}?metric=python&link=&style=for-the-badge")
        built(page)
        page.locator("#target").fill("javascript:1")
        page.locator("#color").fill("blu")
        page.locator("#copy").click()
        expect(page.locator(".bands")).to_be_visible()
        page.evaluate("document.querySelectorAll('main > *').forEach((v) => { v.hidden = false; })")
        page.wait_for_load_state("networkidle")
        results = Axe().run(page, options={"resultTypes": ["violations"]})
        assert results.violations_count == 0, results.generate_report()
        for width in (320, 375, 480, 600, 780, 800, 900, 1024, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.set_viewport_size({"width": 375, "height": 667})
        page.reload()
        built(page)
        page.locator("#copy").focus()
        expect(page.locator("#preview")).to_be_in_viewport()


def test_a_hostile_address_or_catalogue_shows_as_text_and_runs_nothing(visitor: Visit) -> None:
    page = visitor.open()
    for fragment in (*PASTED["hostile"], f"requests?label={'x' * 5000}"):
        go(page, fragment)
        assert page.locator("img[src=x], main script").count() == 0
        links = page.locator("a").evaluate_all("(all) => all.map((a) => a.protocol)")
        assert set(links) <= {"http:", "https:", ":"}
        if page.locator("#builder").is_visible():
            codes = built(page).code, code(page, "html"), code(page, "address")
            assert not re.search(r"onerror=alert|javascript:|evil", "".join(codes))
    files = catalogue(visitor.site)
    files["packages"][0] |= {"name": HOSTILE, "total": 0}
    serve(visitor, script.CATALOGUE, json=files)
    page.goto(f"{visitor.site.address}/?again")
    expect(page.locator("tbody")).to_contain_text(HOSTILE)
    assert page.locator("img[src=x]").count() == 0
