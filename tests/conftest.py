"""What the tests share: a project in a scratch folder, and the command run in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from pepy import SCRIPT, Pepy, environment

from script import CATALOGUE, Catalogue

NEWEST = date(2026, 3, 31)
settings.register_profile("here", deadline=None)  # a busy machine is no mistake
settings.load_profile("here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start what takes long first, so that no worker is left with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def daily(*counts: int, end: date = NEWEST, version: str = "1.0") -> dict[str, dict[str, int]]:
    """PePy's `downloads` of one release: the counts of the days up to `end`, 0 where absent."""
    days = (end - timedelta(days=back) for back in range(len(counts) - 1, -1, -1))
    return {
        day.isoformat(): {version: count} for day, count in zip(days, counts, strict=True) if count
    }


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

    def start(
        self, pepy: Pepy | None, *arguments: str, tuned: str = "", **variables: str
    ) -> subprocess.Popen[str]:
        """Start the command. `tuned` is Python that changes script's constants first."""
        command = [str(SCRIPT)]
        if tuned:
            program = f"import sys, script\n{tuned}\nsys.exit(script.main())"
            command = ["-c", program]
        return subprocess.Popen(
            [sys.executable, *command, *arguments],
            cwd=self.folder,
            env=environment(pepy) | {"PYTHONPATH": str(SCRIPT.parent)} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def run(
        self, pepy: Pepy | None, *arguments: str, tuned: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        process = self.start(pepy, *arguments, tuned=tuned, **variables)
        output, errors = process.communicate(timeout=90)
        assert "Traceback" not in errors, errors
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def json(self, path: str) -> Any:
        return json.loads((self.docs / path).read_bytes())

    def message(self, path: str) -> str:
        message = self.json(path)["message"]
        assert isinstance(message, str)
        return message

    def files(self) -> dict[str, bytes]:
        """Everything below docs/ that is kept: all but the catalogue and the charts."""
        return {
            path.relative_to(self.docs).as_posix(): path.read_bytes()
            for path in self.docs.rglob("*")
            if path.is_file() and path.name not in (CATALOGUE, "chart.svg")
        }

    def catalogue(self) -> Catalogue:
        return Catalogue.model_validate_json((self.docs / CATALOGUE).read_bytes())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture
def pepy() -> Iterator[Pepy]:
    with Pepy() as server:
        yield server
