"""Requests for packages: what is read in an issue that anybody may write, and what is answered."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from conftest import Project, form
from pepy import Pepy

import script

SITE = "https://acme.github.io/badges"
COUNT = ["the form's field has to name 1 to 10 packages, one a line"]
RUN = "touch owned"


class Legal(NamedTuple):
    why: str
    body: str
    projects: list[str]


TEN = [f"p{number}" for number in range(10)]
LEGAL = [
    Legal("this form", "### Packages\n\nFlask_Login\nDjango", ["flask-login", "django"]),
    Legal("an earlier, hostile one", form("flask", f"$({RUN})\n\n### Packages\n\nx"), ["flask"]),
    Legal("100 KB more", form("flask", "x" * 50_000 + "\n### " * 12_000), ["flask"]),
    Legal(
        "spaces", "Hello!\r\n\r\n" + form("\r\n  flask \r\n\r\n\tdjango\r\n"), ["flask", "django"]
    ),
    Legal("one named four times", form("flask\nFLASK\nf-l-a-s-k\nFlask"), ["flask", "f-l-a-s-k"]),
    Legal("a heading in the field", form("flask\n\n### Label\n\n-owned"), ["flask"]),
    Legal("an empty heading in it", form("flask\n###\n-owned"), ["flask"]),
    Legal("files", form("gh-1\nindex.html\nCNAME"), ["gh-1", "index-html", "cname"]),
    Legal("ten", form("\n".join(TEN)), TEN),
    Legal("ten in a line", form(", ".join(TEN)), TEN),
]


@pytest.mark.parametrize("legal", LEGAL, ids=[legal.why for legal in LEGAL])
def test_a_body_names_projects_once_each_and_all_else_in_it_is_ignored(legal: Legal) -> None:
    assert script.read_request(legal.body) == (legal.projects, [])


WRITTEN = {  # what people write in a line, and whom they mean by it
    "requests": ["requests"],
    "- requests": ["requests"],
    "* requests": ["requests"],
    "1. requests": ["requests"],
    "2) requests": ["requests"],
    "`requests`": ["requests"],
    '"requests"': ["requests"],
    "'requests'": ["requests"],
    "requests, flask": ["requests", "flask"],
    "requests,flask,": ["requests", "flask"],
    "- `requests`, `flask`": ["requests", "flask"],
    "requests==2.31": ["requests"],
    "requests ~= 2.0": ["requests"],
    "requests>=2,<3": ["requests"],
    "requests==2.*, flask[async]>=3": ["requests", "flask"],
    "requests[socks]": ["requests"],
    "`requests[socks, security]`": ["requests"],
    "pip install requests": ["requests"],
    "python -m pip install requests[socks]": ["requests"],
    "uv pip install requests": ["requests"],
    "- `uv add requests`": ["requests"],
    "https://pepy.tech/projects/Flask_Login": ["flask-login"],
    "https://pepy.tech/projects/requests?versions=2.31&versions=2.32": ["requests"],
    "http://example.org/project/requests/2.31.0/#files": ["requests"],
    "https://www.example.org/packages/requests, https://example.org/p/flask": ["requests", "flask"],
}


@pytest.mark.parametrize("line", WRITTEN)
def test_a_line_may_be_written_in_any_way_that_is_unmistakable(line: str) -> None:
    assert script.read_request(form(f"{line}\ndjango")) == ([*WRITTEN[line], "django"], [])


MISTAKEN = {  # what the field is like: its lines, of which none is a name
    "shell": f"$({RUN})\n`{RUN}`\nflask; {RUN}\nflask && {RUN}\n'; {RUN}; '\n--help\n-rf",
    "sentences": "please add flask\nflask and django\npip install\nflask,,django\n,\nthanks!",
    "options": "pip install -U flask\npip install --user flask\nuv add --dev flask\n-e flask",
    "addresses": "https://github.com/psf/flask\nhttps://example.org/flask\nexample.org/p/flask"
    "\nhttps://example.org/project/../x\nhttps://example.org/p/\nftp://example.org/p/flask",
    "halves": "`flask\nflask'\n\"flask`\nflask==\nflask=2\n[flask]\nflask[\nflask [x]\nflask,[x]",
    "workflow": "${{ secrets.PEPY_API_KEY }}\n::set-output name=c::0\n::error::x\ncode=0\nc<<E",
    "TOML": 'flask"\n[defaults]\ncolor = "red\n[[package]]\nname = "flask"',
    "Markdown": "@everyone\n#1\n![x](https://example.com/x.png)\n```\n<script>alert(1)</script>",
    "newlines": "flask\rdjango\nflask\0\nflask\x1b[2J\nflask\u2028x\nflask\x0bx\nflask\x85x",
    "look-alikes": "fl\u0430sk\n\uff46lask\nflas\u212a\n\u202eflask\nfl\u200bask\n\u2066flask",
    "paths": "../../etc/passwd\n..\nflask/../x\nC:\\x\nflask:stream\n.github\n_packages",
    "100 KB in one line": "a" * 100_000,
    "200 KB of one part": "\n".join(part * 20_000 for part in ("a[b", "a <", "[]", "a==")),
    "no response": "_No response_",
}
MISCOUNTED = {
    "no heading": "flask",
    "other headings": "### Label\n\nflask\n\n## Packages\n\nflask",
    "empty field": "### Packages\n\n### Label\n\nx",
    "100 KB of lines": form("flask\n" * 17_000),
    "eleven": form("\n".join([*TEN, "p10"])),
    "100 KB of commas": form("a," * 50_000),
    "eleven in two lines": form(f"{', '.join(TEN)}\np10"),
}
LINE = "line {} has to hold a name, as in `pip install NAME`"
REFUSED = {
    form(t): [LINE.format(n + 1) for n in range(t.count("\n") + 1)] for t in MISTAKEN.values()
}
REFUSED[form("flask\n\n-django")] = [LINE.format(2)]
REFUSED |= dict.fromkeys(MISCOUNTED.values(), COUNT)
FORM = "https://github.com/acme/badges/issues/new?template=add-package.yml"
AGAIN = f"To try again, open [a new request]({FORM}): this one is closed."


def answer(body: str, published: Any, refused: Any = ()) -> tuple[str, str] | None:
    return script.answer(body, dict(refused), {*published}, SITE)


@pytest.mark.parametrize("body", REFUSED, ids=[*MISTAKEN, "one bad", *MISCOUNTED])
def test_a_mistaken_body_is_refused_as_a_whole(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "REPOSITORY", "acme/badges")
    assert script.read_request(body) == ([], REFUSED[body])
    reasons = [f"- {reason}" for reason in REFUSED[body]]
    comment = "\n".join(["Nothing was added:", "", *reasons, "", AGAIN])
    published = ["flask.json", "django.json"]  # the whole issue is refused
    assert answer(body, published) == ("not-planned", comment)


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


class Decided(NamedTuple):
    packages: str
    published: list[str]
    verdict: str | None  # None while something is neither published nor refused


DECIDED = [
    Decided("flask\nunknown-one", ["flask.json"], "completed"),
    Decided("unknown-one", [], "not-planned"),
    Decided("flask\ndjango", ["flask.json"], None),
    Decided("flask\nunknown-one", [], None),
    Decided("unknown-one", ["unknown-one.json"], "completed"),  # known once, it keeps its badges
]


@pytest.mark.parametrize("case", DECIDED)
def test_an_issue_is_answered_once_all_is_decided(case: Decided) -> None:
    refused = {"unknown-one": "PePy doesn't know it"}
    verdict, comment = answer(form(case.packages), case.published, refused) or (None, "")
    assert verdict == case.verdict
    if verdict:
        is_refused = "unknown-one.json" not in case.published
        assert ("- `unknown-one`: PePy doesn't know it" in comment) == is_refused


def test_the_limit_binds_requests_and_the_oldest_come_first(project: Project, pepy: Pepy) -> None:
    project.list("one", "two", text="[limits]\npackages = 3\n")
    ended, answers = project.request(pepy, "three\ntwo", "four", "unknown-five\nthree")
    assert (ended.code, [*answers]) == (0, ["1-completed.md", "2-not-planned.md", "3-completed.md"])
    assert pepy.asked == {"one": 1, "two": 1, "three": 1}
    told = "- `four`: this site lists 3 packages at most, but you can host your own"
    assert told in answers["2-not-planned.md"]
