"""How fast is the job? Prints tables of whole processes; nothing here passes or fails.

uv run tests/bench.py               processes, against a plain loop over requests; ten years kept
uv run tests/bench.py --limits      against what a bucket of tokens demands (3 minutes)
uv run tests/bench.py --repository  what a year of daily runs adds to it (20 minutes)
uv run --group engine tests/bench.py --history  ten years of 300 packages from ClickHouse's engine
uv run tests/bench.py --page        what keeps the thread of a page of 1,000 packages busy
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pypistats
from clickhouse import YEARS, Clickhouse, engine_of
from pepy import Pepy, Plan
from served import KEY, SCRIPT, SHUT, Site

sys.path.insert(0, str(SCRIPT.parent))
import script

LOOP = f"""import requests, sys
for url in sys.argv[1:]: requests.get(url, headers={{"X-API-Key": "{KEY}"}}).json()"""
GIT = ["git", "-c", "user.name=x", "-c", "user.email=x", "-c", "gc.autoDetach=false", "-C"]
NAMES = [f"package-{number}" for number in range(1000)]
CASES = {
    "1,000 packages, 0 ms": ("--delay=0", NAMES),
    "100 packages, 50 ms each": ("--delay=0.05", NAMES[:100]),
    "1 package of 2,000 releases": ("--releases=2000", ["boto3"]),
    "1 package": ("--releases=12", ["boto3"]),
    "100 packages of 2,000 releases": ("--releases=2000", NAMES[:100]),
}


def measure(*command: str, **variables: str) -> list[float]:
    """Run a process: its milliseconds of wall clock and CPU, and peak memory in MiB."""
    start, null = time.perf_counter(), subprocess.DEVNULL
    process = subprocess.Popen(command, env=os.environ | variables, stdout=null, stderr=null)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    assert status == 0, command[:2]
    return [wall * 1000, (usage.ru_utime + usage.ru_stime) * 1000, usage.ru_maxrss / 1024]


def update(
    folder: str, url: str, projects: list[str], *more: str, older: str = SHUT
) -> list[float]:
    """Run the script in a folder, with PePy at `url` and ClickHouse at `older`."""
    config = Path(folder) / "packages.toml"
    config.write_text("".join(f'[[package]]\nname = "{name}"\n' for name in projects))
    line = [f"{SCRIPT}", f"--config={config}", f"--output={folder}/docs", *more]
    variables = {"PEPY_API_URL": url, "PEPY_API_KEY": KEY, "CLICKHOUSE_URL": older}
    return measure(sys.executable, *line, **variables)


def update_anew(url: str, projects: list[str], older: str = SHUT) -> list[float]:
    """The same in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        return update(folder, url, projects, older=older)


@contextmanager
def serving(option: str) -> Iterator[list[str]]:
    """The addresses of PePy's and ClickHouse's stand-ins, in a process of their own.

    Else what they need would count as the script's: a process begins with its parent's memory.
    """
    server = [sys.executable, str(SCRIPT.parent / "tests/pepy.py"), "--serve", option]
    with subprocess.Popen(server, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = next(line for line in process.stdout if "export" in line)
        yield re.findall(r"http:[^' ]+", line)
        process.terminate()


def speed(runs: int = 5) -> None:
    print(f"{'milliseconds and MiB':32}     wall  CPU/pkg   memory     loop  ratio")
    for label, (option, projects) in CASES.items():
        with serving(option) as (url, _):
            addresses = [f"{url}/api/v2/projects/{project}" for project in projects]
            rows = []
            for _ in range(runs + 1):  # the first isn't counted
                plain = measure(sys.executable, "-c", LOOP, *addresses)
                rows.append([*update_anew(url, projects), plain[0]])
        wall, cpu, memory, loop = map(median, zip(*rows[1:], strict=True))
        cpu /= len(projects)
        print(f"{label:32} {wall:8.0f} {cpu:8.1f} {memory:8.0f} {loop:8.0f} {wall / loop:6.2f}")
    for count in (10, 1000):
        years(count)


def years(count: int) -> None:
    """A first run that ClickHouse tells ten years, and a daily one after it."""
    with tempfile.TemporaryDirectory() as folder, serving("--delay=0") as (url, older):
        first = update(folder, url, NAMES[:count], older=older)
        daily = update(folder, url, NAMES[:count], "--all")
    for label, row in {"first told ten years": first, "with ten years kept": daily}.items():
        wall, cpu, memory = row
        print(f"{f'{count:,} {label}':32} {wall:8.0f} {cpu / count:8.1f} {memory:8.0f}")


def limits() -> None:
    print(f"{'seconds':40}   bucket      run  ratio  refused")
    for rate, burst, extra in (300, 10, 60), (60, 10, 20), (20, 10, 10), (300, 600, 200):
        with Pepy(Plan(rate, burst)) as pepy:
            run = update_anew(pepy.url, NAMES[: burst + extra])[0] / 1000
        label, bucket = f"{rate} a minute, burst {burst}, {extra} more", extra / rate * 60
        print(f"{label:40} {bucket:8.1f} {run:8.2f} {run / bucket:6.2f} {pepy.refused:8}")


def releases_of(day: date, count: int, downloads: int) -> dict[str, int]:
    """A day's downloads of so many releases: there is a new one each day, most like the newest."""
    newest = day.toordinal() - date(2020, 1, 1).toordinal()
    shares = {f"1.{n // 50}.{n % 50}": 1 / (newest + 1 - n) for n in range(newest, 0, -1)[:count]}
    whole = sum(shares.values())
    return {version: int(downloads * share / whole) for version, share in shares.items()}


def morning(
    names: list[str], number: int, now: datetime, *, breakdown: bool, releases: int = 10
) -> script.Received:
    """What a run is told of packages: PePy's figures are two days old, the others one."""
    figures: dict[str, script.Figures] = {}
    tables: dict[str, script.Tables] = {}
    for place, name in enumerate(names):
        when = now + timedelta(seconds=12 * place)
        downloads = {}
        for back in range(2, 92):
            day = now.date() - timedelta(days=back)
            count = pypistats.daily(name, day) * 10 // 9
            downloads[f"{day}"] = releases_of(day, releases, count)
        total = (1000 + number) * pypistats.daily(name, now.date())
        told = {"id": name, "downloads": downloads, "total_downloads": total}
        figures[name] = script.read_figures(name, when, json.dumps(told).encode())
        if breakdown:
            tables[name] = breakdown_of(name, when, days=6 if number else 180)
    outcome = script.Outcome[script.Figures]("figures")
    return script.Received(dict.fromkeys(names, outcome), {}, figures, tables)


def breakdown_of(name: str, now: datetime, days: int) -> script.Tables:
    """What pypistats.org tells; of the days before the newest few, nothing would change."""
    pypistats.DAYS = days
    tables: script.Tables = {}
    for table, address in script.SERIES.items():
        answer = pypistats.made_up(name, address, now.date() - timedelta(days=1))
        tables |= script.read_table(name, table, now, json.dumps(answer).encode())
    return tables


def publish(docs: Path, config: script.Config, received: script.Received) -> None:
    """Publish what a run was told, as the run does."""
    stats = script.kept_stats(docs, config.projects)
    script.publish(script.Docs(docs, []), config, stats, received)


def add_years(docs: Path, names: list[str]) -> None:
    """Put ten years before what is kept of some packages."""
    for name in names:
        table = script.read_tables(docs, name)["history"]
        first = min(table["downloads"])
        days = (first - timedelta(days=back) for back in range(YEARS, 0, -1))
        older = {day: pypistats.daily(name, day) * 10 // 9 for day in days}
        table["downloads"] = older | table["downloads"]
        (docs / name / "history.csv").write_text(script.write_table(table), encoding="utf-8")


def history(count: int = 300) -> None:
    print(f"{'milliseconds':32}     wall  CPU/pkg")
    with Pepy() as pepy, Clickhouse(pepy) as clickhouse:
        days = {name: clickhouse.days(name) for name in NAMES[:count]}
        with engine_of(days) as clickhouse.engine:
            for label, url in (("PePy alone", SHUT), ("and ClickHouse", clickhouse.url)):
                wall, cpu, _ = update_anew(pepy.url, NAMES[:count], url)
                print(f"{label:32} {wall:8.0f} {cpu / count:8.1f}")
    print(f"{sum(map(len, days.values()))} days in {len(clickhouse.asked)} queries")


def repository(
    label: str,
    count: int = 100,
    runs: int = 365,
    *,
    breakdown: bool = False,
    older: bool = False,
    releases: int = 10,
) -> None:
    with tempfile.TemporaryDirectory() as folder:

        def git(*line: str) -> None:
            subprocess.check_call([*GIT, folder, *line])

        names, docs = NAMES[:count] if count > 1 else ["boto3"], Path(folder) / "docs"
        config = script.Config(package=[script.Package(name=n, breakdown=breakdown) for n in names])
        git("init", "--quiet")
        (Path(folder) / ".gitignore").write_text((SCRIPT.parent / ".gitignore").read_text())
        for number in range(runs):  # on no two days at the same second
            seconds = 86_400 * (runs - 1 - number) + number * 7919 % 600
            now = datetime.now(UTC).replace(hour=8, minute=17) - timedelta(seconds=seconds)
            told = morning(names, number, now, breakdown=breakdown, releases=releases)
            publish(docs, config, told)
            if older and not number:
                add_years(docs, names)
            git("add", ".")
            git("commit", "--quiet", f"--message=Update badges: {4 * count} changed")
        git("gc", "--quiet")
        packs = Path(folder).glob(".git/objects/pack/*")  # and the list of the objects there
        sizes = {path.suffix: path.stat().st_size / count / 1000 for path in packs}
    print(f"{label:32} {sizes['.pack']:8.0f} {sizes['.idx']:8.0f}")


ACTIONS = {  # on the page, as JavaScript
    "a search": "search.value = 'package-1'; search.dispatchEvent(new Event('input'))",
    "a search undone": "search.value = ''; search.dispatchEvent(new Event('input'))",
    "a sort by total": "document.querySelector('[data-key=total] button').click()",
    "a sort by name": "document.querySelector('[data-key=name] button').click()",
    "ten years opened and drawn": "location.hash = 'package-1'",
    "ten years drawn again": "document.querySelector('#history [value=log]').click()",
    "five times ten years compared": f"location.hash = '?compare={','.join(NAMES[:5])}'",
}


def busy_time(client: Any) -> float:
    """How long a page's thread has been busy, in seconds."""
    metrics = client.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def page(runs: int = 9) -> None:
    from browser import launch, visit
    from playwright.sync_api import sync_playwright

    config = script.Config(package=[script.Package(name=name) for name in NAMES])
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        publish(Path(folder), config, morning(NAMES, 0, datetime.now(UTC), breakdown=False))
        add_years(Path(folder), NAMES[:5])
        with Site(Path(folder)) as site, launch(playwright) as browser:
            busy: dict[str, list[float]] = {label: [] for label in ACTIONS}
            for _ in range(runs):
                with visit(browser, site) as visitor:
                    visitor.shields_is_down = True
                    tab = visitor.open()
                    tab.wait_for_load_state("networkidle")
                    client = visitor.context.new_cdp_session(tab)
                    client.send("Performance.enable")
                    for label, action in ACTIONS.items():
                        tab.wait_for_timeout(500)
                        start = busy_time(client)
                        tab.evaluate(f"() => {{ {action} }}")
                        tab.wait_for_timeout(500)
                        busy[label].append(1000 * (busy_time(client) - start))
    for label, times in busy.items():
        print(f"{label:32} {median(times):8.0f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__)
    for name in ("--limits", "--repository", "--history", "--page"):
        parser.add_argument(name, action="store_true")
    options = parser.parse_args()
    if options.repository:
        print(f"{'KB a package':32}     pack    index")
        for label, runs in (("a run", 1), ("a year of runs", 365)):
            repository(label, runs=runs)
            repository(f"{label}, with breakdowns", runs=runs, breakdown=True)
            repository(f"{label}, after ten years", runs=runs, older=True)
            for number in (10, 2000):
                what = f"{label}, boto3, {number:,} releases"
                repository(what, 1, runs, breakdown=True, releases=number)
    elif options.history:
        history()
    elif options.page:
        print("milliseconds of the page's thread")
        page()
    else:
        limits() if options.limits else speed()
