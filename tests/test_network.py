"""Fetching over real HTTP: the rate limit, the faults, the key."""

from __future__ import annotations

import math
import random
import runpy
import threading
import time
from heapq import heappop, heappush
from itertools import count

import pytest
from pepy import FAULTS, KEY, PLANS, SCRIPT, Pepy, Plan

import script

HOME = "https://github.com/owner/pepy-stats"
Outcomes = dict[str, script.Outcome]


def fetch(pepy: Pepy, *projects: str, seconds: float = 60, key: str = KEY) -> Outcomes:
    session = script.open_session(HOME, **{"X-API-Key": key})
    fetching = script.Fetching(
        projects,
        lambda project: script.ask_pepy(session, pepy.url, project),
        time.monotonic() + seconds,
    )
    outcomes = list(fetching)
    assert len(outcomes) == len(projects), "every project has exactly one outcome"
    session.close()
    return dict(outcomes)


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "BACKOFF", 0.01)
    monkeypatch.setattr(script, "READ_TIMEOUT", 1.0)
    monkeypatch.setattr(script, "ANSWER_SECONDS", 5.0)


# --- the faults


REASONS = {
    "fault-html": "not JSON",
    "fault-html-503": "HTTP 503",
    "fault-empty": "not JSON",
    "fault-list": "can't be believed",
    "fault-null": "can't be believed",
    "fault-teapot": "HTTP 418",
    "fault-negative-total": "total_downloads: Input should be greater than or equal to 0",
    "fault-fractional-total": "total_downloads: Input should be a valid integer",
    "fault-float-total": "total_downloads: Input should be a valid integer",
    "fault-boolean-total": "total_downloads: Input should be a valid integer",
    "fault-text-total": "total_downloads: Input should be a valid integer",
    "fault-null-total": "total_downloads: Input should be a valid integer",
    "fault-huge-total": "total_downloads: Input should be less than",
    "fault-negative-day": "downloads: Input should be greater than or equal to 0",
    "fault-boolean-day": "downloads: Input should be a valid integer",
    "fault-flat-day": "downloads: Input should be",
    "fault-huge-sum": "add up to too much",
    "fault-no-date": "downloads: not a date",
    "fault-no-such-date": "downloads: ",
    "fault-timestamp-date": "downloads: not a date",
    "fault-no-downloads": "downloads: Input should be",
    "fault-tomorrow": "in the future",
    "fault-wrong-id": "another project",
    "fault-terminal-id": "another project",
    "fault-truncated": "broke off",
    "fault-cut-short": "not JSON",
    "fault-not-gzip": "decompressed",
    "fault-bomb": "larger than 64 MiB",
    "fault-drop": "connection to PePy failed",
    "fault-redirect": "HTTP 302",
    "fault-stall": "did not answer in time",
    "fault-stall-in-body": "connection to PePy failed",
    "fault-drip": "did not end within",
    "fault-drip-headers": "did not end within",
}


def test_the_constants_keep_their_promises() -> None:
    shipped = runpy.run_path(str(SCRIPT))
    assert 4 <= shipped["CONNECTIONS"] <= 8
    assert shipped["PATIENCE"] == 600
    assert shipped["MAX_BODY"] == 64
    assert shipped["ATTEMPTS"] * shipped["READ_TIMEOUT"] <= 90
    assert shipped["ANSWER_SECONDS"] <= 60


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((500, "try again"), (502, "try again"), (504, "try again"), (520, "try again")),
        *((401, "key refused"), (403, "failed"), (404, "unknown"), (429, "rate limited")),
        *((204, "failed"), (301, "failed"), (400, "failed"), (418, "failed")),
    ],
)
def test_what_a_status_comes_to(status: int, kind: str) -> None:
    assert script.judge_pepy("one", status, {}, b"{}").kind == kind


@pytest.mark.parametrize("text", ["", "abc", "-1", "1.5", "1e9", "9" * 30, "١"])
def test_a_header_that_is_no_whole_number_tells_nothing(text: str) -> None:
    headers = {"X-Rate-Limit-Remaining": text, "X-Rate-Limit-Retry-After-Seconds": text}
    assert script.judge_pepy("one", 418, headers, b"").remaining is None
    assert script.judge_pepy("one", 429, headers, b"").retry_after == 0


def test_every_fault_has_a_reason_here() -> None:
    assert {*REASONS, "fault-flaky"} == set(FAULTS)


def test_a_fault_fails_its_package_in_words_and_the_others_go_on(pepy: Pepy) -> None:
    outcomes = fetch(pepy, *(name for fault in REASONS for name in (fault, f"good-{fault}")))
    for fault, reason in REASONS.items():
        assert outcomes[fault].kind in ("failed", "try again"), fault
        assert reason in outcomes[fault].reason, fault
        assert outcomes[fault].reason.isascii()
        assert outcomes[fault].reason.isprintable()
        assert KEY not in outcomes[fault].reason
        assert outcomes[f"good-{fault}"].kind == "figures", fault


def test_what_may_pass_is_tried_again_and_what_may_not_is_not(pepy: Pepy) -> None:
    outcomes = fetch(pepy, "fault-flaky", "fault-html-503", "fault-html", "unknown")
    assert outcomes["fault-flaky"].kind == "figures"
    assert outcomes["unknown"].kind == "unknown"
    assert pepy.asked == {
        "fault-flaky": 3,
        "fault-html-503": script.ATTEMPTS,
        "fault-html": 1,
        "unknown": 1,
    }


def test_a_server_that_is_down_is_not_asked_for_every_package(pepy: Pepy) -> None:
    pepy.projects |= {f"p{number}": 503 for number in range(500)}
    outcomes = fetch(pepy, *pepy.projects)
    assert pepy.asked.total() <= script.OUTAGE
    assert {outcome.kind for outcome in outcomes.values()} == {"failed", "try again"}
    assert sum("not asked" in outcome.reason for outcome in outcomes.values()) > 450


@pytest.mark.parametrize("status", [503, "fault-truncated"])
def test_many_broken_packages_do_not_keep_the_others_from_being_asked(
    pepy: Pepy, status: int | str
) -> None:
    bad = [f"bad{number}" for number in range(20)]
    good = [f"good{number}" for number in range(60)]
    if isinstance(status, int):
        pepy.projects |= dict.fromkeys(bad, status)
    else:
        pepy.faulty |= dict.fromkeys(bad, status)
    outcomes = fetch(pepy, *bad[:10], *good, *bad[10:])
    assert {outcomes[project].kind for project in good} == {"figures"}
    assert "figures" not in {outcomes[project].kind for project in bad}


def test_a_server_that_only_drips_is_given_up_in_bounded_time(
    pepy: Pepy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "ANSWER_SECONDS", 0.1)
    names = [f"p{number}" for number in range(200)]
    pepy.faulty |= dict.fromkeys(names, "fault-drip")
    start = time.monotonic()
    outcomes = fetch(pepy, *names)
    assert time.monotonic() - start < 15
    assert {outcome.kind for outcome in outcomes.values()} == {"failed", "try again"}


def test_a_short_outage_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "BACKOFF", 0.1)
    back_at = time.monotonic() + 2

    def ask(project: str) -> script.Outcome:
        up = time.monotonic() > back_at
        return script.Outcome("figures" if up else "try again", remaining=100 if up else None)

    outcomes = dict(script.Fetching([f"p{number}" for number in range(100)], ask))
    assert {outcome.kind for outcome in outcomes.values()} == {"figures"}


def test_one_slow_answer_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "OVERDUE", 0.3)
    monkeypatch.setattr(script, "ANSWER_SECONDS", 30)
    with Pepy(Plan(600, 10)) as pepy:
        pepy.faulty["p3"] = "fault-drip"
        session = script.open_session(HOME, **{"X-API-Key": KEY})
        start = time.monotonic()
        fetching = script.Fetching(
            [f"p{number}" for number in range(40)],
            lambda project: script.ask_pepy(session, pepy.url, project),
        )
        iterator = iter(fetching)
        assert {next(iterator)[1].kind for _ in range(39)} == {"figures"}
        assert time.monotonic() - start < 6


def test_an_address_where_nothing_listens_fails_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "FIRST_PAUSE", 0.01)
    closed = Pepy()
    with closed:
        pass
    outcomes = fetch(closed, "a", "b")
    assert {outcome.reason for outcome in outcomes.values()} == {"the connection to PePy failed"}
    assert {outcome.kind for outcome in outcomes.values()} == {"try again"}


def test_a_bug_in_this_program_fails_a_package_and_not_the_run() -> None:
    def ask(project: str) -> script.Outcome:
        raise ZeroDivisionError

    [(project, outcome)] = script.Fetching(["a"], ask)
    assert (project, outcome.kind) == ("a", "failed")
    assert "bug in pepy-stats: ZeroDivisionError" in outcome.reason


def test_a_machine_without_threads_fails_a_package_and_hangs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    outcome = script.attempt("PePy", lambda: script.Outcome("figures"))
    assert (outcome.kind, outcome.reason) == (
        "try again",
        "this machine can start no more threads",
    )


def test_no_thread_outlives_what_it_was_started_for() -> None:
    before = {*threading.enumerate()}
    fetching = iter(script.Fetching("abc", lambda _: script.Outcome("figures")))
    next(fetching)
    fetching.close()  # type: ignore[attr-defined]
    until = time.monotonic() + 10
    while {*threading.enumerate()} - before and time.monotonic() < until:
        time.sleep(0.01)
    assert not {*threading.enumerate()} - before


# --- the key and the connection


def test_a_refused_key_ends_the_asking(pepy: Pepy) -> None:
    pepy.refuse_after = 10
    outcomes = fetch(pepy, *(f"p{number}" for number in range(100)))
    kinds = [outcome.kind for outcome in outcomes.values()]
    assert kinds.count("figures") == 10
    assert kinds.count("key refused") == 90
    assert pepy.asked.total() <= 10 + script.CONNECTIONS


def test_connections_are_kept_alive_and_few(pepy: Pepy) -> None:
    pepy.delay = 0.01
    fetch(pepy, *(f"p{number}" for number in range(100)))
    assert pepy.connections <= script.CONNECTIONS
    assert 4 <= pepy.most_at_once <= script.CONNECTIONS


def test_the_key_is_in_no_address(pepy: Pepy) -> None:
    fetch(pepy, "requests")
    assert pepy.addresses == {"/api/v2/projects/requests"}


def test_the_user_agent_names_the_project_and_links_to_it(pepy: Pepy) -> None:
    fetch(pepy, "requests")
    assert pepy.agents == {f"pepy-stats (+{HOME})"}


# --- the rate limit


@pytest.mark.parametrize("plan", [Plan(300, 10), Plan(1200, 100), Plan(1200, 8)])
def test_tokens_are_used_as_they_come_back(plan: Plan) -> None:
    packages = plan.burst + 30
    with Pepy(plan) as pepy:
        start = time.monotonic()
        outcomes = fetch(pepy, *(f"p{number}" for number in range(packages)))
        took = time.monotonic() - start
    assert {outcome.kind for outcome in outcomes.values()} == {"figures"}
    demanded = (packages - plan.burst) * 60 / plan.rate
    assert demanded - 0.1 <= took <= 1.10 * demanded + 0.7  # a busy machine's share
    assert pepy.refused <= packages / 10


def test_an_empty_bucket_at_the_start_costs_few_refusals() -> None:
    with Pepy(Plan(600, 10)) as pepy:
        pepy.tokens = 0
        outcomes = fetch(pepy, *(f"p{number}" for number in range(20)))
    assert {outcome.kind for outcome in outcomes.values()} == {"figures"}
    assert pepy.refused <= 2


def test_two_runs_with_one_key_share_its_tokens() -> None:
    with Pepy(Plan(600, 10)) as pepy:
        session = script.open_session(HOME, **{"X-API-Key": KEY})

        def ask(project: str) -> script.Outcome:
            return script.ask_pepy(session, pepy.url, project)

        one = iter(script.Fetching([f"a{number}" for number in range(30)], ask))
        other = iter(script.Fetching([f"b{number}" for number in range(30)], ask))
        kinds = {next(run)[1].kind for _ in range(30) for run in (one, other)}
    assert kinds == {"figures"}


def test_the_time_limit_postpones_the_rest() -> None:
    with Pepy(Plan(60, 10)) as pepy:
        start = time.monotonic()
        outcomes = fetch(pepy, *(f"p{number}" for number in range(100)), seconds=1.5)
        took = time.monotonic() - start
    kinds = [outcome.kind for outcome in outcomes.values()]
    assert 10 <= kinds.count("figures") <= 12
    assert kinds.count("postponed") == 100 - kinds.count("figures")
    assert took < 2.5


def test_the_time_limit_postpones_what_waits_for_another_attempt(
    monkeypatch: pytest.MonkeyPatch, pepy: Pepy
) -> None:
    monkeypatch.setattr(script, "BACKOFF", 10)
    pepy.projects["flaky"] = 503
    outcomes = fetch(pepy, "flaky", "good", seconds=1)
    assert {name: outcome.kind for name, outcome in outcomes.items()} == {
        "flaky": "postponed",
        "good": "figures",
    }


def test_refusals_for_ever_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "PATIENCE", 1.2)
    with Pepy(Plan(0.0001, 0)) as pepy:
        outcomes = fetch(pepy, "a", "b", "c", seconds=math.inf)
    assert {outcome.kind for outcome in outcomes.values()} == {"failed"}
    assert all("rate limit" in outcome.reason for outcome in outcomes.values())


def test_a_retry_after_beyond_patience_is_tried_once_more_when_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(script, "PATIENCE", 0.5)
    answers = iter([script.Outcome("rate limited", remaining=0, retry_after=99999)])
    good = script.Outcome("figures", remaining=5)
    outcomes = dict(script.Fetching(["a", "b"], lambda _: next(answers, good)))
    assert {outcome.kind for outcome in outcomes.values()} == {"figures"}


def test_a_server_that_tells_of_no_tokens_is_patiently_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(script, "PATIENCE", 0.5)
    refusals = iter([script.Outcome("rate limited", remaining=0)])

    def ask(project: str) -> script.Outcome:
        time.sleep(0.02)
        late = project == "p299"
        return next(refusals, script.Outcome("figures")) if late else script.Outcome("figures")

    outcomes = dict(script.Fetching([f"p{number}" for number in range(300)], ask))
    assert {outcome.kind for outcome in outcomes.values()} == {"figures"}


def test_a_retry_after_of_0_does_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "PATIENCE", 2)
    asked = []

    def ask(project: str) -> script.Outcome:
        asked.append(time.monotonic())
        return script.Outcome("rate limited", remaining=0, retry_after=0)

    outcomes = dict(script.Fetching(["a", "b"], ask))
    assert {outcome.kind for outcome in outcomes.values()} == {"failed"}
    assert len(asked) <= 6


def simulate(plan: Plan, packages: int, latency: float, seed: int) -> tuple[float, int]:
    """Seconds and refusals until the limiter has got all packages, on a simulated clock."""
    dice = random.Random(seed)
    rate = plan.rate / 60
    now = filled = 0.0
    tokens = float(plan.burst)
    limiter = script.Limiter(0)
    events: list[tuple[float, str, int | None, int]] = []  # when, what, remaining, retry after
    names = map(str, count())
    waiting, served, refused = packages, 0, 0
    while served < packages:
        while waiting and len(events) < script.CONNECTIONS and limiter.may_start(now):
            project = next(names)
            limiter.started(project, now)
            waiting -= 1
            tokens = min(plan.burst, tokens + (now - filled) * rate)
            filled = now
            granted = tokens >= 1
            tokens -= granted
            wait = int((1 - tokens) / rate) if not granted else 0
            when = now + latency * dice.uniform(0.5, 1.5)
            heappush(events, (when, project, int(tokens) if granted else None, wait))
        if waiting and (not events or now < limiter.resume < events[0][0]):
            now = max(limiter.resume, now + 1e-6)
            continue
        now, project, remaining, wait = heappop(events)
        if remaining is None:
            refused += 1
            waiting += 1
            limiter.refused(project, now, wait)
        else:
            served += 1
            limiter.answered(project, now, remaining)
    return now, refused


@pytest.mark.parametrize("plan", [*PLANS.values(), Plan(10, 10), Plan(100, 100)])
@pytest.mark.parametrize("latency", [0.001, 0.05, 0.4])
@pytest.mark.parametrize("extra", [20, 60, 300])
def test_any_plan_is_used_up_at_any_latency(plan: Plan, latency: float, extra: int) -> None:
    packages = plan.burst + extra
    demanded = extra * 60 / plan.rate
    possible = max(demanded, packages * latency / script.CONNECTIONS)
    for seed in range(5):
        took, refused = simulate(plan, packages, latency, seed)
        assert took <= 1.10 * possible + 2 * latency
        assert refused <= packages / 10
