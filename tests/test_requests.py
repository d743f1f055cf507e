"""Requests for packages: an issue's body in; a longer list, badges and an answer out."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Project, daily
from hostile import HOSTILE, form
from hypothesis import given
from hypothesis import strategies as st
from pepy import SCRIPT, Pepy, Plan, environment
from pypistats import Pypistats

import script

# A list as people keep it: comments, no newline at the end.
ROOT = SCRIPT.parent
LIST = '# mine\n[[package]]\nname = "Requests" # the first'
HERE = {"GITHUB_REPOSITORY": "acme/badges"}


def add(
    project: Project, pepy: Pepy | None, body: str | bytes, *arguments: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `script.py add` on a body."""
    run = subprocess.run(
        [sys.executable, str(SCRIPT), "add", *arguments],
        cwd=project.folder,
        env=environment(pepy) | HERE | variables,
        input=body.encode() if isinstance(body, str) else body,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in run.stderr, run.stderr
    return subprocess.CompletedProcess(
        run.args, run.returncode, run.stdout.decode(), run.stderr.decode()
    )


def listed(project: Project) -> dict[str, dict[str, Any]]:
    """The tables of packages.toml by name."""
    tables = tomllib.loads((project.folder / "packages.toml").read_text())["package"]
    return {table.pop("name"): table for table in tables}


def everything(project: Project) -> dict[str, bytes]:
    """All files of the project, wherever."""
    paths = (path for path in project.folder.rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in paths}


def test_a_request_is_listed_fetched_published_and_answered(project: Project, pepy: Pepy) -> None:
    project.list(text=LIST)
    run = add(project, pepy, form("Flask_Login\nDjango"))
    assert run.returncode == 0
    text = (project.folder / "packages.toml").read_text()
    assert text == LIST + (
        '\n\n[[package]]\nname = "flask-login"\n\n[[package]]\nname = "django"\n'
    )
    assert pepy.asked == {"flask-login": 1, "django": 1}
    assert {"flask-login.json", "django/month.json"} <= project.files().keys()
    for path in ("flask-login.json", "flask-login/day.json", "django/week.json"):
        address = "https%3A%2F%2Facme.github.io%2Fbadges%2F" + path.replace("/", "%2F")
        badge = f"[![Downloads](https://img.shields.io/endpoint?url={address})]"
        assert run.stdout.count(badge) == 2, "once as a picture, once to copy"
    assert "](https://acme.github.io/badges/#django)" in run.stdout


def test_the_look_that_was_asked_for_is_written_down_and_shown(
    project: Project, pepy: Pepy
) -> None:
    project.list(text=LIST)
    assert add(project, pepy, form("flask", 'in"stalls – ⬇️', "#fe7d37", "flask")).returncode == 0
    asked = {"label": 'in"stalls – ⬇️', "color": "#fe7d37", "namedLogo": "flask"}
    assert listed(project)["flask"] == asked
    assert project.json("flask.json").items() >= asked.items()


def test_a_request_for_what_is_listed_gives_the_markdown_again(
    project: Project, pepy: Pepy
) -> None:
    project.list("requests")
    project.run(pepy)
    before = everything(project)
    run = add(project, pepy, form("Requests", "another"))
    assert run.returncode == 0
    assert "was listed already" in run.stdout
    assert "requests%2Fmonth.json" in run.stdout
    assert everything(project) == before
    assert pepy.asked == {"requests": 1}


def test_what_is_listed_but_was_never_fetched_is_fetched(project: Project, pepy: Pepy) -> None:
    project.list("requests")
    assert add(project, pepy, form("requests\nflask")).returncode == 0
    assert pepy.asked == {"requests": 1, "flask": 1}
    assert {"requests.json", "flask.json"} <= project.files().keys()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (form("-flask"), "`'-flask'`: not a package name"),
        (form("flask\nunknown-one"), "`unknown-one`: PePy doesn't know it: misspelt, or published"),
        (form("flask", colour="bleu"), "`'bleu'`: not a colour"),
        (form("flask", logo="Py-PI"), "`'Py-PI'`: a logo is a simple-icons slug"),
        (form("flask", "x" * 61), "Label: at most 60 characters"),
        (form("flask", logo="x" * 61), "a logo is a simple-icons slug"),
        (form("flask", colour=f"rgb({'1' * 60},1,1)"), "not a colour"),
        (form("\n".join(f"p{number}" for number in range(11))), "name 1 to 10"),
        ("flask", "use the form"),
        (b"### Packages\n\nfl\xffsk", "use the form"),
    ],
)
def test_a_refusal_says_why_and_changes_nothing(
    project: Project, pepy: Pepy, body: str, told: str
) -> None:
    project.list(text=LIST)
    before = everything(project)
    run = add(project, pepy, body)
    assert run.returncode == 1
    assert told in run.stdout
    assert "https://github.com/acme/badges/issues/new?template=add-package.yml" in run.stdout
    assert everything(project) == before


def test_everything_that_is_wrong_is_told_at_once(project: Project, pepy: Pepy) -> None:
    project.list("requests")
    run = add(project, pepy, form("-a\nb-", "x" * 61, "bleu", "X"))
    assert run.stdout.count("\n- ") == 5
    assert not pepy.asked


def test_a_request_is_deferred_when_pepy_is_down(project: Project) -> None:
    project.list(text=LIST)
    before = everything(project)
    with Pepy(projects={"flask": 503}) as pepy:
        run = add(project, pepy, form("django\nflask"))
    assert run.returncode == 3
    assert "tried again every day" in run.stdout
    assert everything(project) == before


def test_a_request_is_deferred_when_the_quota_is_taken(project: Project) -> None:
    project.list(text=LIST)
    before = everything(project)
    with Pepy(Plan(0.5, 1)) as pepy:
        run = add(project, pepy, form("flask\ndjango"), "--time-limit", "0.5")
    assert run.returncode == 3
    assert "quota" in run.stdout
    assert everything(project) == before


def test_without_a_key_only_the_owner_can_help(project: Project, pepy: Pepy) -> None:
    project.list(text=LIST)
    before = everything(project)
    run = add(project, pepy, form("flask"), PEPY_API_KEY="")
    assert run.returncode == 2
    assert not run.stdout
    assert "There is no PePy API key" in run.stderr
    assert everything(project) == before


def test_the_limit_binds_requests_alone(project: Project, pepy: Pepy) -> None:
    project.list("one", "two", "three", text="[limits]\npackages = 2\n")
    before = everything(project)
    run = add(project, pepy, form("four"))
    assert run.returncode == 1
    assert "2 packages at most" in run.stdout
    assert everything(project) == before
    assert project.run(pepy).returncode == 0
    assert add(project, pepy, form("three")).returncode == 0


def test_the_first_package_of_an_empty_list_may_be_a_request(project: Project, pepy: Pepy) -> None:
    project.list()
    assert add(project, pepy, form("flask")).returncode == 0
    assert project.run(pepy).returncode == 0


def test_a_list_that_tables_cannot_follow_is_the_owners_to_mend(
    project: Project, pepy: Pepy
) -> None:
    project.list(text='package = [{name = "requests"}]')
    before = everything(project)
    run = add(project, pepy, form("flask"))
    assert run.returncode == 2
    assert "write its packages as [[package]] tables" in run.stderr
    assert everything(project) == before
    assert not pepy.asked


@pytest.mark.parametrize("in_the_way", ["docs/flask", "docs/django.json/x", "packages.tmp/x"])
def test_what_cannot_be_written_leaves_everything_as_it_was(
    project: Project, pepy: Pepy, in_the_way: str
) -> None:
    """Also what is listed and was never fetched, and what others changed about their looks."""
    project.list("pydantic")
    project.run(pepy)
    project.list("pydantic", text='[defaults]\nlabel = "new"\n\n[[package]]\nname = "flask"\n\n')
    path = project.folder / in_the_way
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    before = everything(project)
    run = add(project, pepy, form("flask\ndjango"))
    assert run.returncode == 1
    assert not run.stdout, "a crash gives no answer"
    assert everything(project) == before


def test_a_request_that_is_interrupted_leaves_everything_as_it_was(
    project: Project, pepy: Pepy
) -> None:
    project.list(text=LIST)
    before = everything(project)
    pepy.delay = 2
    command = [sys.executable, str(SCRIPT), "add"]
    with subprocess.Popen(
        command, cwd=project.folder, env=environment(pepy), stdin=subprocess.PIPE
    ) as process:
        assert process.stdin
        process.stdin.write(form("flask").encode())
        process.stdin.close()
        while not pepy.asked:
            time.sleep(0.01)
        process.terminate()
        assert process.wait(timeout=10) == 130
    assert everything(project) == before


def test_a_symlink_to_the_list_stays_one(project: Project, pepy: Pepy) -> None:
    project.list(text=LIST)
    path = project.folder / "packages.toml"
    path.chmod(0o640)
    target = path.rename(project.folder / "mine.toml")
    path.symlink_to("mine.toml")
    assert add(project, pepy, form("flask")).returncode == 0
    assert path.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert listed(project).keys() == {"Requests", "flask"}


def test_a_list_that_cannot_be_written_leaves_an_unlisted_packages_figures(
    project: Project, pepy: Pepy
) -> None:
    project.list("requests", "flask")
    project.run(pepy)
    project.list("requests")
    (project.folder / "packages.tmp").mkdir()  # where the longer list is written to at first
    before = everything(project)
    pepy.projects["flask"] = {"total_downloads": 9, "downloads": daily(5, 6)}
    run = add(project, pepy, form("flask"))
    assert (run.returncode, run.stdout) == (1, "")
    assert "Cannot publish" in run.stderr
    assert everything(project) == before


def test_windows_of_an_added_package_end_where_those_of_the_others_do(
    project: Project, pepy: Pepy
) -> None:
    project.list("requests", "pydantic")
    for name in ("requests", "pydantic"):
        pepy.projects[name] = {"total_downloads": 9, "downloads": daily(5, 5, 0)}
    project.run(pepy)
    pepy.projects["flask"] = {"total_downloads": 9, "downloads": daily(5, 6, 7)}
    assert add(project, pepy, form("flask")).returncode == 0
    assert project.message("flask/day.json") == "6/day"
    project.run(pepy)
    assert project.message("requests/day.json") == "5/day"


def test_windows_of_an_added_package_are_no_staler_than_its_own_figures(
    project: Project, pepy: Pepy
) -> None:
    project.list("requests", "flask")
    quiet = {"total_downloads": 9, "downloads": daily(5, *[0] * 20)}
    pepy.projects |= dict.fromkeys(("requests", "flask"), quiet)
    project.run(pepy)
    project.list("requests")  # and nothing has run for three weeks
    pepy.projects["flask"] = {"total_downloads": 9, "downloads": daily(5, 6, 7)}
    assert add(project, pepy, form("flask")).returncode == 0
    assert project.message("flask/day.json") == "7/day"


def test_a_request_asks_pepy_alone_and_gives_the_chart(project: Project, pepy: Pepy) -> None:
    project.list(text="[defaults]\nbreakdown = true\n")
    with Pypistats() as pypistats:
        run = add(project, pepy, form("requests"), PYPISTATS_API_URL=pypistats.url)
    assert run.returncode == 0
    assert pypistats.asked == []
    chart = "[![Downloads a day](https://acme.github.io/badges/requests/chart.svg)]"
    assert run.stdout.count(f"{chart}(https://pepy.tech/projects/requests)") == 2
    assert "python.json" not in run.stdout


def test_the_longest_answer_fits_into_a_comment(project: Project, pepy: Pepy) -> None:
    names = [f"{number}{'-x' * 49}x" for number in range(10)]
    project.list(text=f'[site]\nurl = "https://{"x" * 192}"\n')
    run = add(project, pepy, form("\n".join(names)))
    assert run.returncode == 0
    assert len(run.stdout) < 65_536


def test_git_ignores_the_charts_and_nothing_else_of_any_package() -> None:
    ignore = ROOT / ".gitignore"
    names = {*re.findall("[a-z0-9]+", ignore.read_text()), "chart-svg", "requests"}
    paths = [f"docs/{path}" for name in names for path in script.files_of(name)]
    run = subprocess.run(
        ["git", "check-ignore", "--no-index", "--stdin"],
        cwd=ROOT,
        input="\n".join(paths),
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(run.stdout.split()) == {f"docs/{name}/chart.svg" for name in names}


@pytest.mark.parametrize(
    ("section", "variables", "site", "home"),
    [
        ("", {}, "https://acme.github.io/badges/#", "github.com/acme/badges/"),
        ("", {"GITHUB_REPOSITORY": ""}, "https://OWNER.github.io/REPO/#", "com/OWNER/REPO/"),
        ("", {"GITHUB_REPOSITORY": "a/b/c"}, "https://OWNER.github.io/REPO/#", "com/OWNER/REPO/"),
        ("", {"GITHUB_REPOSITORY": "Me/me.github.io"}, "https://Me.github.io/#", "com/Me/me.gith"),
        ('repository = "x/y"', {}, "https://x.github.io/y/#", "github.com/x/y/"),
        ('repository = "https://github.com/x/y"', {}, "https://x.github.io/y/#", "com/x/y/"),
        ('url = "https://b.example.com/"', {}, "https://b.example.com/#", "com/acme/badges/"),
    ],
)
def test_addresses_are_the_sites_or_githubs_or_placeholders(
    project: Project,
    pepy: Pepy,
    section: str,
    variables: dict[str, str],
    site: str,
    home: str,
) -> None:
    project.list("requests", text=f"[site]\n{section}\n")
    project.run(pepy)
    assert f"({site}requests)" in add(project, pepy, form("requests"), **variables).stdout
    assert home in add(project, pepy, form("-"), **variables).stdout


# --- doing it again elsewhere, without fetching twice


def test_fetched_figures_are_laid_over_another_state_without_a_key(
    project: Project, pepy: Pepy
) -> None:
    project.list(text=LIST)
    assert add(project, pepy, form("flask"), "--fetched", "f.json").returncode == 0
    done = everything(project)
    subprocess.run(["rm", "-r", project.docs], check=True)
    project.list(text=LIST)
    assert add(project, None, form("flask"), "--fetched", "f.json", PEPY_API_KEY="").returncode == 0
    assert everything(project) == done
    assert pepy.asked == {"flask": 1}


def test_an_update_is_done_again_by_render(project: Project, pepy: Pepy) -> None:
    project.list("one", "two")
    assert project.run(pepy, "update", "--fetched", "f.json").returncode == 0
    done = project.files()
    subprocess.run(["rm", "-r", project.docs], check=True)
    assert project.run(None, "render", "--fetched", "f.json", PEPY_API_KEY="").returncode == 0
    assert project.files() == done


def test_an_older_fetch_never_replaces_a_newer_one_and_loses_no_day(
    project: Project, pepy: Pepy
) -> None:
    project.list("one")
    pepy.projects["one"] = {"total_downloads": 10, "downloads": daily(1, 2, 3)}
    project.run(pepy, "update", "--fetched", "f.json")
    pepy.projects["one"] = {"total_downloads": 20, "downloads": daily(7, 8)}
    subprocess.run(["rm", "-r", project.docs], check=True)
    project.run(pepy)
    later = project.json("one/stats.json")
    file = project.folder / "f.json"
    file.write_text(file.read_text().replace('"fetched":"20', '"fetched":"19'))
    assert project.run(None, "render", "--fetched", "f.json").returncode == 0
    sums = {"last_week": 16, "last_month": 16, "average_daily": 0.5}  # of every day known
    assert project.json("one/stats.json") == later | sums
    rows = project.files()["one/history.csv"].decode().split()
    assert rows == ["date,downloads", "2026-03-29,1", "2026-03-30,7", "2026-03-31,8"]


DAY = "2026-03-31"
FETCHED = '{"one":{"total":%s,"history":{"%s":%s},"top_releases":[],"fetched":"2026-04-01T00:00Z"}}'
MISTAKEN = [FETCHED % figures for figures in ((-1, DAY, 5), (9, "today", 5), (9, DAY, -5))]


def test_a_file_that_fetched_might_have_written_is_taken(project: Project) -> None:
    project.list("one")
    (project.folder / "f.json").write_text(FETCHED % (9, DAY, 5))
    assert project.run(None, "render", "--fetched", "f.json").returncode == 0
    assert project.message("one/day.json") == "5/day"


@pytest.mark.parametrize("text", [None, "{", '{"one": {"total": "many"}}', *MISTAKEN])
def test_a_file_that_fetched_did_not_write_is_told(project: Project, text: str | None) -> None:
    project.list("one")
    if text is not None:
        (project.folder / "f.json").write_text(text)
    run = project.run(None, "render", "--fetched", "f.json")
    assert run.returncode == 2
    assert "--fetched" in run.stderr
    assert not project.docs.exists()


def test_a_file_of_figures_that_cannot_be_is_told_before_anything_is_fetched(
    project: Project, pepy: Pepy
) -> None:
    project.list("one")
    run = project.run(pepy, "--fetched", "packages.toml/f.json")
    assert run.returncode == 2
    assert "packages.toml is no folder that can be written to" in run.stderr
    assert "--fetched" in run.stderr
    assert not pepy.asked
    assert project.run(pepy, "--fetched", "new/f.json").returncode == 0
    assert (project.folder / "new/f.json").is_file()


@pytest.mark.parametrize("arguments", [["flask"], ["--missing"], ["--prune"]])
def test_add_takes_no_names_on_the_command_line(project: Project, arguments: list[str]) -> None:
    project.list("one")
    run = project.run(None, "add", *arguments)
    assert run.returncode == 2
    assert "standard input" in run.stderr


# --- strangers


@pytest.mark.parametrize(("why", "body", "legal"), HOSTILE, ids=[why for why, _, _ in HOSTILE])
def test_a_hostile_body_adds_what_it_legally_names_or_nothing(
    project: Project, pepy: Pepy, why: str, body: str, legal: set[str]
) -> None:
    project.list(text=LIST)
    before = everything(project)
    run = add(project, pepy, body)
    assert run.returncode == (0 if legal else 1)
    if not legal:
        assert everything(project) == before
        assert not pepy.asked
    assert listed(project).keys() == {"Requests"} | legal
    assert {path.name for path in project.folder.iterdir()} <= {"packages.toml", "docs"}
    assert {path.name for path in project.docs.glob("[!_]*.json")} == {f"{p}.json" for p in legal}
    harmless(run.stdout)
    assert not re.search(r"^\s*::", run.stdout + run.stderr, re.MULTILINE)


def harmless(answer: str) -> None:
    """An answer holds nothing of a stranger's but names and, in code spans, quotations."""
    assert len(answer) < 20_000
    assert all(char.isprintable() or char == "\n" for char in answer)
    own = re.sub(r"```markdown\n.*?\n```", "", answer, flags=re.DOTALL)
    own = re.sub(r"`[^`\n]*`", "", own)
    assert "`" not in own, "a code span was broken out of"
    own = re.sub(r"https://[\w./?=%#-]+", "", own)
    assert not re.search(r"@\w|#\d|gh-\d|<\w|alert|example\.com", own, re.IGNORECASE)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=70))
def test_any_label_that_is_let_in_survives_the_list(label: str) -> None:
    try:
        packages = script.read_request(form("flask", label).encode())
    except script.Refused:
        return
    _, text = script.lengthen(script.Config(), b"", packages)
    (package,) = script.parse_list(text, "packages.toml").package
    said = label.strip()
    assert package.label == (said if said not in ("", "_No response_") else "downloads")
    assert package.label.isprintable()


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for text in (body, b"### Packages\n\n" + body):
        try:
            packages = script.read_request(text)
        except script.Refused as refused:
            harmless(script.refused_comment(script.Site(), refused.args))
        else:
            assert all(re.fullmatch("[a-z0-9-]+", package.name) for package in packages)


def test_the_form_has_the_fields_that_are_read() -> None:
    path = Path(__file__).parent.parent / ".github/ISSUE_TEMPLATE/add-package.yml"
    fields = [item["attributes"] for item in yaml.safe_load(path.read_text())["body"]]
    labels = [field["label"] for field in fields if "label" in field]
    assert labels == list(script.REQUEST_FIELDS)
