"""What the tests share: a project in a scratch folder, and the command run in it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
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
settings.register_profile("here", deadline=None)  # a busy machine is no mistake
settings.load_profile("here")


def days(*counts: int, end: date = NEWEST) -> dict[date, int]:
    """What is kept of the days up to `end`."""
    return {end - timedelta(len(counts) - 1 - at): count for at, count in enumerate(counts)}


def daily(*counts: int, end: date = NEWEST, version: str = "1.0") -> dict[str, dict[str, int]]:
    """PePy's `downloads` of one release: the counts of the days up to `end`, 0 where absent."""
    return {f"{day}": {version: n} for day, n in days(*counts, end=end).items() if n}


def record(
    history: script.History, end: date | None = NEWEST, name: str = "demo", **changes: Any
) -> script.Record:
    """What is kept of a package with these days; other figures are its own, or the changes."""
    values: Any = {"package": name, "timestamp": KEPT, "total_downloads": sum(history.values())}
    values |= {"top_releases": [], **script.windows_of(history, end)} | changes
    return script.Record(script.Stats(**values), {"history": {"downloads": history}})


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
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def pepy() -> Iterator[Pepy]:
    with Pepy() as server:
        yield server
