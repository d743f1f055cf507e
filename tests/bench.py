"""How fast is the job? Prints a table; nothing here passes or fails.

    uv run tests/bench.py [--runs 5]
    uv run tests/bench.py --limits
    uv run tests/bench.py --repository

Every case runs script.py as a process, from its start to its end, against the stand-in on
loopback, in turn with `curl --parallel` over the same addresses and with the same number of
connections. Medians of several runs, after one that isn't counted. The files are written to
the folder for temporary files: with TMPDIR on a RAM disk, the disk's mood is left out.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pypistats
from pepy import KEY, PAGE, PLANS, SCRIPT, Pepy

sys.path.insert(0, str(SCRIPT.parent))
import script


class Run(NamedTuple):
    """One finished process: seconds of wall clock and CPU, peak memory in MiB."""

    wall: float
    cpu: float
    memory: float


def measure(command: list[str], **environment: str) -> Run:
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"{command[0]} failed with status {os.waitstatus_to_exitcode(status)}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def middle(runs: list[Run]) -> Run:
    return Run(*map(median, zip(*runs, strict=True)))


@contextmanager
def stand_in(*options: str) -> Iterator[str]:
    """The stand-in as a process; yields its address."""
    command = [sys.executable, str(SCRIPT.parent / "tests/pepy.py"), "--serve"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = re.search(r"http://127.0.0.1:\d+", process.stdout.readline())
        assert address is not None
        try:
            yield address[0]
        finally:
            process.terminate()


def packages_file(folder: Path, projects: list[str]) -> Path:
    path = folder / "packages.toml"
    path.write_text("".join(f'[[package]]\nname = "{name}"\n' for name in projects))
    return path


def fetch(url: str, projects: list[str], runs: int) -> tuple[Run, Run]:
    """script.py from nothing to every file written, in turn with curl."""
    ours, theirs = [], []
    for number in range(runs + 1):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            config = packages_file(folder, projects)
            addresses = folder / "curl"
            addresses.write_text(
                "".join(
                    f'url = "{url}/api/v2/projects/{p}"\noutput = "/dev/null"\n' for p in projects
                )
            )
            command = [sys.executable, str(SCRIPT), f"--config={config}", f"--output={folder}/docs"]
            ours.append(measure(command, PEPY_API_URL=url, PEPY_API_KEY=KEY))
            curl = ["curl", "-s", "--parallel", "--parallel-max", str(script.CONNECTIONS)]
            theirs.append(measure([*curl, "-H", f"X-API-Key: {KEY}", "-K", str(addresses)]))
        if number == 0:
            ours.clear()
            theirs.clear()
    return middle(ours), middle(theirs)


def speed(runs: int) -> None:
    print(f"{'case':34} {'wall':>9} {'CPU/pkg':>9} {'memory':>9} {'curl':>9} {'ratio':>6}")
    names = [f"package-{number}" for number in range(2000)]
    cases: tuple[tuple[str, list[str], list[str]], ...] = (
        ("1,000 packages, 0 ms", [], names[:1000]),
        ("100 packages, 50 ms each", ["--delay=0.05"], names[:100]),
        ("1 package of 2,000 releases", ["--releases=2000"], ["boto3"]),
        ("1 package of 12 releases", [], ["boto3"]),
        ("100 packages of 2,000 releases", ["--releases=2000"], names[:100]),
    )
    for label, options, projects in cases:
        with stand_in(*options) as url:
            ours, curl = fetch(url, projects, runs)
        print(
            f"{label:34} {ours.wall * 1000:6.0f} ms {ours.cpu * 1000 / len(projects):6.1f} ms "
            f"{ours.memory:5.0f} MiB {curl.wall * 1000:6.0f} ms {ours.wall / curl.wall:6.2f}"
        )
    helps, imports = [], []
    for _ in range(2 * runs):
        helps.append(measure([sys.executable, str(SCRIPT), "--help"]))
        imports.append(measure([sys.executable, "-c", "import requests, pydantic"]))
    ours, theirs = middle(helps), middle(imports)
    print(
        f"{'--help, against the bare imports':34} {ours.wall * 1000:6.0f} ms {'':9} "
        f"{ours.memory:5.0f} MiB {theirs.wall * 1000:6.0f} ms {ours.wall / theirs.wall:6.2f}"
    )


def limits() -> None:
    """How long a run takes, and its requests alone, against what the bucket demands."""
    head = ("rate limit", "bucket", "requests", "ratio", "run", "ratio", "refused")
    print("{:34} {:>8} {:>9} {:>6} {:>9} {:>6} {:>8}".format(*head))
    for label, extra in (("free", 20), ("developer", 20), ("team", 20), ("team", 200)):
        plan = PLANS[label]
        projects = [f"package-{number}" for number in range(plan.burst + extra)]
        with Pepy(plan) as pepy, tempfile.TemporaryDirectory() as name:
            config = packages_file(Path(name), projects)
            command = [sys.executable, str(SCRIPT), f"--config={config}", f"--output={name}/docs"]
            run = measure(command, PEPY_API_URL=pepy.url, PEPY_API_KEY=KEY).wall
        bucket = extra / plan.rate * 60
        requests = pepy.last_at - pepy.first_at
        case = f"{plan.rate:g} a minute, {len(projects)} packages"
        print(
            f"{case:34} {bucket:6.1f} s {requests:7.2f} s {requests / bucket:6.2f} "
            f"{run:7.2f} s {run / bucket:6.2f} {pepy.refused:8}"
        )


PACKAGES, RUNS = 100, 365


class Year:
    """A year of made-up figures of one package, as PePy and pypistats.org would tell them.

    Its size is made up from its name, from 10 to 10 million downloads a day; weekends have
    fewer, and it grows or shrinks by some percent a month.
    """

    def __init__(self, project: str, end: date) -> None:
        dice = random.Random(project)
        size, growth = 10 ** dice.uniform(1, 7), dice.uniform(-0.03, 0.06)
        self.days: dict[date, int] = {}
        for back in range(RUNS + 200, 0, -1):
            day = end - timedelta(days=back)
            weight = (0.6 if day.weekday() >= 5 else 1) * (1 + growth) ** (-back / 30)
            self.days[day] = int(size * weight * dice.uniform(0.85, 1.15))
        self.total = int(size * 1000)
        self.project = project

    def of(self, newest: date, days: int) -> list[date]:
        return [newest - timedelta(days=back) for back in range(days - 1, -1, -1)]

    def figures(self, now: datetime, days: int, *, breakdown: bool) -> script.Figures:
        """What a morning's run fetches: PePy's figures are two days old, the others one."""
        today = now.date()
        history = {day: self.days[day] for day in self.of(today - timedelta(days=2), days)}
        sums = sum(self.days[day] for day in self.of(today - timedelta(days=2), 30))
        releases = [
            script.Release(version=f"2.{n}.0", downloads=sums * (n + 1) // 55)
            for n in range(9, -1, -1)
        ]
        total = self.total + sum(n for day, n in self.days.items() if day < today)
        figures = script.Figures(total, history, releases, now)
        return figures | self.breakdown(now, days) if breakdown else figures

    def breakdown(self, now: datetime, days: int) -> script.Breakdown:
        series = self.of(now.date() - timedelta(days=1), 2 * days)
        alone = {day: self.days[day] * 9 // 10 for day in series}
        tables: script.Tables = {"history": {"without_mirrors": alone}}
        for name, shares in (
            ("python", pypistats.versions),
            ("system", lambda _: pypistats.SYSTEMS),
        ):
            columns: script.Columns = defaultdict(dict)
            for day in series:
                dice = random.Random(f"{self.project} {name} {day}")
                for category, share in shares(day).items():
                    if count := int(alone[day] * share * dice.uniform(0.95, 1.05)):
                        heading = script.UNKNOWN if category == "null" else category
                        columns[heading][day] = count
            if columns:
                tables[name] = columns
        month = [*alone.values()][-30:]
        return script.Breakdown(
            script.merged({}, tables),
            script.Recent(last_day=month[-1], last_week=sum(month[-7:]), last_month=sum(month)),
            dict.fromkeys(script.ADDRESSES, now),
        )


def repository(*, breakdown: bool) -> None:
    """What a year of daily runs adds to a repository."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def git(*arguments: str, **options: Any) -> str:
            identity = ("-c", "user.name=Some One", "-c", "user.email=someone@example.com")
            command = ["git", "-C", name, *identity, *arguments]
            run = subprocess.run(command, check=True, capture_output=True, text=True, **options)
            return str(run.stdout)

        def size() -> dict[str, int]:
            git("gc", "--quiet")
            packs = [*folder.glob(".git/objects/pack/*")]
            return {
                "pack": sum(path.stat().st_size for path in packs if path.suffix == ".pack"),
                "index": sum(path.stat().st_size for path in packs if path.suffix != ".pack"),
            }

        git("init", "--quiet", "--initial-branch=main")
        git("config", "gc.autoDetach", "false")  # it runs now and then, as in any repository
        for path in (*PAGE, SCRIPT, SCRIPT.parent / ".gitignore"):
            target = folder / path.relative_to(SCRIPT.parent)
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
        git("add", ".")
        git("commit", "--quiet", "--message", "Initial commit")
        before = size()
        names = (SCRIPT.parent / "tests/popular.txt").read_text().split()[:PACKAGES]
        packages = [script.Package(name=name, breakdown=breakdown) for name in names]
        end = datetime.now(UTC).replace(hour=8, minute=17)
        years = {package.project: Year(package.project, end.date()) for package in packages}
        for number in range(RUNS):
            # Each answers some seconds after the other, on no two days at the same second.
            # After the first run, only newer days: the others would change nothing.
            now = end - timedelta(days=RUNS - 1 - number, seconds=number * 7919 % 600)
            figures = {
                project: year.figures(
                    now + timedelta(seconds=at * 12), 3 if number else 90, breakdown=breakdown
                )
                for at, (project, year) in enumerate(years.items())
            }
            done = script.keep_and_publish(folder / "docs", packages, figures)
            assert (done.failed, done.damaged) == ({}, {})
            git("add", "docs")
            git("commit", "--quiet", "--message", f"Update badges: {4 * PACKAGES} changed")
        after = size()

        kinds: dict[str, list[int]] = defaultdict(list)
        listed = git("rev-list", "--objects", "HEAD").splitlines()
        checked = git(
            *("cat-file", "--batch-check=%(objecttype) %(objectsize:disk) %(rest)"),
            input="\n".join(listed),
        )
        for line in checked.splitlines():
            kind, disk, called = line.split(" ", 2)
            kinds[kind_of(kind, called)].append(int(disk))
        print(f"\nbreakdown {'on' if breakdown else 'off'}: bytes a package and year")
        for label, sizes in sorted(kinds.items(), key=lambda item: -sum(item[1])):
            print(f"{label:34} {sum(sizes) / PACKAGES:9,.0f}  {len(sizes) / PACKAGES:6.1f} objects")
        for label, count in after.items():
            print(f"{label:34} {(count - before[label]) / PACKAGES:9,.0f}")
        print(f"{'together':34} {(sum(after.values()) - sum(before.values())) / PACKAGES:9,.0f}")


def kind_of(kind: str, path: str) -> str:
    """What a git object is, for the table."""
    parts = path.split("/")
    if kind == "tree":
        return "trees of packages" if len(parts) == 2 else "trees of docs/ and above"
    if kind == "commit":
        return "commits"
    if parts[0] != "docs" or (len(parts) == 2 and not path.endswith(".json")):
        return "the program and the page"
    return parts[2] if len(parts) == 3 else "NAME.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--limits", action="store_true", help="only the rate limits (6 minutes)")
    parser.add_argument("--repository", action="store_true", help="only its growth (8 minutes)")
    options = parser.parse_args()
    if options.limits:
        limits()
    elif options.repository:
        repository(breakdown=False)
        repository(breakdown=True)
    else:
        speed(options.runs)


if __name__ == "__main__":
    main()
