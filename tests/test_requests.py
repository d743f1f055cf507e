"""Requests for packages: what is read in an issue that anybody may write, and what is answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import Ended, Project
from pepy import Pepy

import script

SITE = "https://acme.github.io/badges"
COUNT = ["the form's field has to name 1 to 10 packages, one a line"]
RUN = "touch owned"


def form(packages: str, look: str = "") -> str:
    """What GitHub makes of the fields. One for the look is an earlier form's, and ignored."""
    return f"### Packages\n\n{packages or '_No response_'}\n\n### Label\n\n{look}"


LEGAL = {  # what the body is like: the body, and the projects that it names
    "this form": ("### Packages\n\nFlask_Login\nDjango", "flask-login django"),
    "an earlier form, and hostile": (form("flask", f"$({RUN})\n\n### Packages\n\nx"), "flask"),
    "100 KB of text and headings": (form("flask", "x" * 50_000 + "\n### " * 12_000), "flask"),
    "spaces": ("Hello!\r\n\r\n" + form("\r\n  flask \r\n\r\n\tdjango\r\n"), "flask django"),
    "one named four times": (form("flask\nFLASK\nf-l-a-s-k\nFlask"), "flask f-l-a-s-k"),
    "a heading in the field": (form("flask\n\n### Label\n\n-owned"), "flask"),
    "an empty heading in the field": (form("flask\n###\n-owned"), "flask"),
    "references and files": (form("gh-1\nindex.html\nCNAME"), "gh-1 index-html cname"),
    "ten": (form("\n".join(f"p{n}" for n in range(10))), " ".join(f"p{n}" for n in range(10))),
}


@pytest.mark.parametrize("why", LEGAL)
def test_a_body_names_projects_once_each_and_all_else_in_it_is_ignored(why: str) -> None:
    body, projects = LEGAL[why]
    assert script.read_request(body) == (projects.split(), [])


MISTAKEN = {  # what the field is like: its lines, of which none is a name
    "shell": f"$({RUN})\n`{RUN}`\nflask; {RUN}\nflask && {RUN}\n'; {RUN}; '\n--help\n-rf",
    "workflow": "${{ secrets.PEPY_API_KEY }}\n::set-output name=c::0\n::error::x\ncode=0\nc<<E",
    "TOML": 'flask"\n[defaults]\ncolor = "red\n[[package]]\nname = "flask"',
    "Markdown": "@everyone\n#1\n![x](https://example.com/x.png)\n```\n<script>alert(1)</script>",
    "newlines": "flask\rdjango\nflask\0\nflask\x1b[2J\nflask\u2028x\nflask\x0bx\nflask\x85x",
    "look-alikes": "fl\u0430sk\n\uff46lask\nflas\u212a\n\u202eflask\nfl\u200bask\n\u2066flask",
    "paths": "../../etc/passwd\n..\nflask/../x\nC:\\x\nflask:stream\n.github\n_packages",
    "100 KB in one line": "a" * 100_000,
    "no response": "_No response_",
}
MISCOUNTED = {
    "no heading": "flask",
    "other headings": "### Label\n\nflask\n\n## Packages\n\nflask",
    "empty field": "### Packages\n\n### Label\n\nx",
    "100 KB of lines": form("flask\n" * 17_000),
    "eleven": form("\n".join(f"p{number}" for number in range(11))),
}
LINE = "line {} is not a package name"
REFUSED = [
    *((form(t), [*map(LINE.format, range(1, t.count("\n") + 2))]) for t in MISTAKEN.values()),
    (form("flask\n\n-django"), [LINE.format(2)]),
    *((body, COUNT) for body in MISCOUNTED.values()),
]
FORM = "https://github.com/acme/badges/issues/new?template=add-package.yml"
AGAIN = f"To try again, open [a new request]({FORM}): this one is closed."


def answer(body: str, published: Any, refused: Any = ()) -> tuple[str, str] | None:
    return script.answer(body, dict(refused), {*published}, SITE)


@pytest.mark.parametrize(("body", "mistakes"), REFUSED, ids=[*MISTAKEN, "one bad", *MISCOUNTED])
def test_a_mistaken_body_is_refused_as_a_whole(body: str, mistakes: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(script, "REPOSITORY", "acme/badges")
    assert script.read_request(body) == ([], mistakes)
    comment = "\n".join(["Nothing was added:", "", *(f"- {told}" for told in mistakes), "", AGAIN])
    told = answer(body, ["flask.json", "django.json"])  # the whole issue is refused
    assert told == ("not-planned", comment)


def test_an_answer_has_the_badges_that_were_written_and_no_others() -> None:
    rows = [metric.path.format("flask") for metric in script.METRICS]
    for written in (rows, rows[:1], rows[:4], [rows[0], rows[-1]]):
        reason, comment = answer(form("Flask"), written) or ("", "")
        assert reason == "completed"
        for path in rows:
            address = f"{SITE}/{path}".replace(":", "%3A").replace("/", "%2F")
            picture = f"](https://img.shields.io/endpoint?url={address})](https://pepy.tech/"
            assert comment.count(picture) == 2 * (path in written)  # seen, and to copy
        assert comment.count(f"[![Downloads a day]({SITE}/flask/chart.svg)]") == 2
        assert f"({SITE}/#flask)" in comment
        assert "Not added" not in comment


DECIDED = [
    *(("flask\nunknown-one", ["flask.json"], "completed"), ("unknown-one", [], "not-planned")),
    *(("flask\ndjango", ["flask.json"], None), ("flask\nunknown-one", [], None)),
    ("unknown-one", ["unknown-one.json"], "completed"),  # known once, it keeps its badges
]


@pytest.mark.parametrize(("body", "published", "verdict"), DECIDED)
def test_an_issue_is_answered_once_all_is_decided(body: str, published: Any, verdict: Any) -> None:
    told = answer(form(body), published, {"unknown-one": "PePy doesn't know it"})
    assert (told and told[0]) == verdict
    if told:
        refused = "- `unknown-one`: PePy doesn't know it" in told[1]
        assert refused == ("unknown-one.json" not in published)


def run(project: Project, pepy: Pepy, *bodies: str) -> tuple[Ended, dict[str, str]]:
    """Answer issues in one run: how that ended, and the answers by the names of their files."""
    issues = [{"number": n, "body": form(body)} for n, body in enumerate(bodies, 1)]
    (project.folder / "r.json").write_text(json.dumps(issues[::-1]))
    files = ("--requests", "r.json", "--answers", "answers")
    ended = project.run(pepy, *files, GITHUB_REPOSITORY="acme/badges")
    answers = sorted((project.folder / "answers").glob("*"))
    return ended, {path.name: path.read_text(encoding="utf-8") for path in answers}


def test_the_limit_binds_requests_and_the_oldest_come_first(project: Project, pepy: Pepy) -> None:
    project.list("one", "two", text="[limits]\npackages = 3\n")
    ended, answers = run(project, pepy, "three\ntwo", "four", "unknown-five\nthree")
    assert (ended.code, [*answers]) == (0, ["1-completed.md", "2-not-planned.md", "3-completed.md"])
    assert pepy.asked == {"one": 1, "two": 1, "three": 1}
    told = "- `four`: this site lists 3 packages at most, but you can host your own"
    assert told in answers["2-not-planned.md"]
