"""What the tests share: a project in a scratch folder, and the command run in it."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from pepy import Pepy
from served import SCRIPT, environment

import script

NEWEST = date(2026, 3, 31)
KEPT = datetime(2026, 4, 2, 8, 3, 7, tzinfo=UTC)  # when PePy answered
# The badges of which tests say what they show. What another row of script.METRICS publishes is
# beside them, and has tests of its own.
BADGES = ["{}.json", "{}/month.json", "{}/week.json", "{}/day.json", "{}/year.json"]
BADGES += ["{}/without-mirrors.json", "{}/python.json", "{}/system.json"]
settings.register_profile("here", deadline=None)  # a busy machine is no mistake
settings.load_profile("here")


def ago(count: int) -> date:
    """The day so many days before NEWEST, or after it."""
    return NEWEST - timedelta(count)


def days(*counts: int, end: date = NEWEST) -> dict[date, int]:
    """What is kept of the days up to `end`."""
    return {end - timedelta(len(counts) - 1 - at): count for at, count in enumerate(counts)}


def daily(*counts: int, end: date = NEWEST, version: str = "1.0") -> dict[str, dict[str, int]]:
    """PePy's `downloads` of one release: the counts of the days up to `end`, 0 where absent."""
    return {f"{day}": {version: n} for day, n in days(*counts, end=end).items() if n}


def pepy_answer(downloads: object, total: int = 10_000, **more: Any) -> dict[str, Any]:
    """PePy's answer about a package; its `id`, where no stand-in adds that, is one of `more`."""
    return {"total_downloads": total, "downloads": downloads} | more


def record(
    history: script.History, end: date | None = NEWEST, name: str = "demo", **changes: Any
) -> script.Record:
    """What is kept of a package with these days; other figures are its own, or the changes."""
    values: Any = {"package": name, "timestamp": KEPT, "total_downloads": sum(history.values())}
    values |= {"top_releases": [], **script.windows_of(history, end)} | changes
    kept = script.Record(script.Stats(**values), {"history": {"downloads": history}})
    return script.completed(kept, None)


def read_list(text: str | bytes) -> script.Config:
    """A packages.toml with this text."""
    return script.parse_list(text.encode() if isinstance(text, str) else text, "packages.toml")


def mistakes_in(text: str | bytes) -> str:
    """What is told of a packages.toml that is not legal."""
    with pytest.raises(script.Unable) as caught:
        read_list(text)
    return str(caught.value)


def form(packages: str, look: str = "") -> str:
    """What GitHub makes of the fields. One for the look is an earlier form's, and ignored."""
    return f"### Packages\n\n{packages or '_No response_'}\n\n### Label\n\n{look}"


def publish(folder: Path, files: Mapping[str, str]) -> None:
    """Write files below a folder, as the command does."""
    for path, text in files.items():
        script.write(folder / path, text.encode())


def without_new_badges(files: Mapping[str, Any], *projects: str) -> dict[str, Any]:
    """Published files, but for the badges of these projects that are none of BADGES."""
    new = [metric.path for metric in script.METRICS if metric.path not in BADGES]
    left_out = {path.format(project) for path in new for project in projects}
    return {path: content for path, content in files.items() if path not in left_out}


class Ended(NamedTuple):
    """How a run of the command ended, and what it wrote on its two streams."""

    code: int
    output: str
    errors: str


@dataclass
class Project:
    """A folder with a packages.toml, whose docs/ the command publishes to."""

    folder: Path

    @property
    def docs(self) -> Path:
        return self.folder / "docs"

    def list(self, *names: str, text: str = "") -> None:
        """Write packages.toml: `text`, then a [[package]] for each name."""
        tables = "".join(f'[[package]]\nname = "{name}"\n' for name in names)
        (self.folder / "packages.toml").write_text(text + tables, encoding="utf-8")

    def run(self, pepy: Pepy | None, *arguments: str, **variables: str) -> Ended:
        """Call the command in this process, in this folder, with just these variables."""
        output, errors = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in ("GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS"):
                patch.delenv(name, raising=False)
            for name, value in (environment(pepy) | variables).items():
                patch.setenv(name, value)
            patch.setattr(script, "REPOSITORY", variables.get("GITHUB_REPOSITORY", ""))
            with redirect_stdout(output), redirect_stderr(errors):
                try:
                    code = script.main([*arguments])
                except SystemExit as exit_:  # argparse's way
                    code = int(exit_.code or 0)
        return Ended(code, output.getvalue(), errors.getvalue())

    def request(self, pepy: Pepy, *fields: str) -> tuple[Ended, dict[str, str]]:
        """Answer issues with these packages: how the run ended, and the answers by their files."""
        issues = [{"number": n, "body": form(field)} for n, field in enumerate(fields, 1)]
        (self.folder / "r.json").write_text(json.dumps(issues[::-1]))
        files = ("--requests", "r.json", "--answers", "answers")
        ended = self.run(pepy, *files, GITHUB_REPOSITORY="acme/badges")
        answers = sorted((self.folder / "answers").glob("*"))
        return ended, {path.name: path.read_text(encoding="utf-8") for path in answers}

    def start(self, pepy: Pepy | None, *arguments: str, tuned: str = "") -> subprocess.Popen[str]:
        """Start a process of its own. `tuned` is Python that changes script's constants first."""
        program = f"import script\n{tuned}\nscript.start()"
        return subprocess.Popen(
            [sys.executable, *(["-c", program] if tuned else [str(SCRIPT)]), *arguments],
            cwd=self.folder,
            env=environment(pepy) | {"PYTHONPATH": str(SCRIPT.parent)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def json(self, path: str) -> Any:
        return json.loads((self.docs / path).read_bytes())

    def files(self) -> dict[str, bytes]:
        """Every file below docs/, by its path there."""
        paths = (path for path in self.docs.rglob("*") if path.is_file())
        return {path.relative_to(self.docs).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def made_up_page(tmp_path: Path) -> Iterator[str]:
    """The address of the page that README's third command shows, without what only tests need."""
    for module in ("hypothesis", "markdown_it", "pandas", "playwright", "pytest", "yaml"):
        (tmp_path / f"{module}.py").write_text("raise ImportError")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [sys.executable, f"{SCRIPT.parent}/tests/pepy.py", "--page"],
        env=environment(None) | {"PYTHONPATH": str(tmp_path), "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    with process:
        try:
            assert process.stdout
            yield next(line.strip() for line in process.stdout if "http://127.0.0.1:" in line)
        finally:
            process.send_signal(signal.SIGINT)
    assert (process.returncode, [*scratch.iterdir()]) == (0, [])


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def pepy() -> Iterator[Pepy]:
    # Without a reference, as the days of most tests are long past.
    with Pepy(projects={script.REFERENCE: 418}) as server:
        yield server
