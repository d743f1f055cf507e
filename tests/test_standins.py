"""The stand-ins themselves: a request that they can't make sense of fails the test that made it."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import requests
from browser import Site
from clickhouse import Clickhouse
from conftest import Project
from pepy import Pepy
from pypistats import Pypistats
from served import KEY


def ask_in_vain(address: str, **parameters: str) -> None:
    """Make a request that ends without an answer."""
    with pytest.raises(requests.ConnectionError):
        requests.get(address, parameters, headers={"X-API-Key": KEY}, timeout=60)


def failing(error: Exception) -> Pepy:
    """PePy's stand-in, whose handler raises an exception where it is asked for `demo`."""

    def fail(_: bytes) -> Iterable[bytes]:
        raise error

    return Pepy(projects={"demo": fail})


def ask_pepy(pepy: Pepy) -> None:
    ask_in_vain(f"{pepy.url}/api/v2/projects/demo")


def ask_pepy_and_fail(pepy: Pepy) -> None:
    ask_pepy(pepy)
    raise ValueError("of the test's own")


def ask_for_a_missing_page(site: Site) -> None:
    """Ask for what isn't there, and neither is the page that would say so."""
    (site.docs / "404.html").unlink()
    ask_in_vain(f"{site.address}/nowhere")


def test_what_a_handler_raises_is_raised_at_the_end(project: Project) -> None:
    with pytest.raises(ZeroDivisionError), failing(ZeroDivisionError()) as pepy:
        ask_pepy(pepy)
    with pytest.raises(AttributeError), Pypistats(asked=()) as pypistats:  # type: ignore[arg-type]
        ask_in_vain(f"{pypistats.url}/packages/demo/system")
    project.docs.mkdir()
    with pytest.raises(FileNotFoundError), Site(project.docs) as site:
        ask_for_a_missing_page(site)


def test_clickhouse_is_not_asked_without_what_it_demands(pepy: Pepy) -> None:
    with pytest.raises(AssertionError, match="wait_end_of_query"), Clickhouse(pepy) as clickhouse:
        ask_in_vain(clickhouse.url, param_projects="['one']")
    with pytest.raises(KeyError, match="param_projects"), Clickhouse(pepy) as clickhouse:
        ask_in_vain(clickhouse.url)


@pytest.mark.parametrize("error", [BrokenPipeError(), ConnectionResetError()])
def test_a_client_that_went_away_is_no_mistake(error: Exception) -> None:
    with failing(error) as pepy:
        ask_pepy(pepy)


def test_an_exception_that_is_under_way_is_not_hidden() -> None:
    with pytest.raises(ValueError, match="own") as caught, failing(ZeroDivisionError()) as pepy:
        ask_pepy_and_fail(pepy)
    (note,) = caught.value.__notes__
    assert "\nZeroDivisionError" in note
