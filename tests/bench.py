"""How fast is the job? Prints a table; nothing here passes or fails.

    uv run tests/bench.py [--runs 5]
    uv run tests/bench.py --limits

Every case runs script.py as a process, from its start to its end, against the stand-in on
loopback, in turn with `curl --parallel` over the same addresses and with the same number of
connections. Medians of several runs, after one that isn't counted. The files are written to
the folder for temporary files: with TMPDIR on a RAM disk, the disk's mood is left out.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from pepy import KEY, PLANS, SCRIPT, Pepy

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


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--limits", action="store_true", help="only the rate limits (6 minutes)")
    options = parser.parse_args()
    if options.limits:
        limits()
    else:
        speed(options.runs)


if __name__ == "__main__":
    main()
