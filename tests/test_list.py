"""packages.toml: what is legal, how mistakes are told, and how it is lengthened."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest
from conftest import form, mistakes_in, read_list
from shields import DRAWN, SPELLINGS

import script

PACKAGE = '[[package]]\nname = "requests"\n'
FIFTY = "".join(f'[[package]]\nname = "p{number}"\n' for number in range(50))


def test_the_list_of_this_repository_is_legal() -> None:
    assert read_list((Path(script.__file__).parent / "packages.toml").read_bytes()).package


LOGO = '[defaults]\nlabel = "all"\nnamedLogo = "pypi"\nlogoColor = "white"\nlogoSize = "auto"\n'
WHITE = {"namedLogo": "pypi", "logoColor": "white", "logoSize": "auto"}
OWN = {
    "": WHITE,
    'logoColor = "red"': WHITE | {"logoColor": "red"},
    'namedLogo = "php"\nlogoColor = "red"': {"namedLogo": "php", "logoColor": "red"},
    'logoSvg = "<svg/>"': {"logoSvg": "<svg/>"},
}


@pytest.mark.parametrize("own", OWN)
def test_own_options_win_and_an_own_logo_replaces_the_default(own: str) -> None:
    (package,) = read_list(LOGO + PACKAGE + own).package
    logo = {"namedLogo", "logoSvg", "logoColor", "logoSize"}
    assert package.model_dump(include=logo, exclude_none=True) == OWN[own]
    assert package.label == "all"


UNDRAWN = [*SPELLINGS["unknown"], *chain.from_iterable(SPELLINGS["refused"].values())]


@pytest.mark.parametrize("option", ["color", "labelColor", "logoColor"])
def test_colours_are_those_that_shields_draws(option: str) -> None:
    text = f'{PACKAGE}namedLogo = "pypi"\n{option} = '
    for colour in DRAWN:
        assert getattr(read_list(text + json.dumps(colour)).package[0], option) == colour.lower()
    for colour in UNDRAWN:
        told = mistakes_in(text + json.dumps(colour)).partition(f" 1 ('requests') {option} = ")[2]
        assert ": not a colour that Shields knows; " in told, colour
        for nearest in re.findall("the nearest is '(.+)'", told):
            assert read_list(text + json.dumps(nearest))
    assert sorted(script.COLOURS.split()) == sorted(SPELLINGS["names"].split())


NEAREST = {
    "gren": "the nearest is 'green'",
    "Sucess": "the nearest is 'success'",
    " Dark-Blue ": "the nearest is 'darkblue'",
    " #FFF ": "the nearest is '#fff'",
    "blac\u212a": "the nearest is 'black'",  # the sign of Kelvin, which is a k in lower case
    "#bleu": "the nearest is 'blue'",
    "HSL(120 100% 50%)": "the nearest is 'hsl(120, 100%, 50%)'",
    "hsla(120deg 100% 50% / .5)": "the nearest is 'hsla(120deg, 100%, 50%, .5)'",
    "rgb( 1,2 3 )": "the nearest is 'rgb( 1, 2, 3 )'",
    **dict.fromkeys(("", "#12345", "transparent", "rgb(1.5,2,3)"), "it knows blue, #fe7d37, rgb("),
}


@pytest.mark.parametrize("colour", NEAREST)
def test_a_colour_that_shields_does_not_know_brings_the_nearest(colour: str) -> None:
    option = f"color = {json.dumps(colour)}"
    lists = {"[[package]] 1 ('requests')": PACKAGE + option, "[defaults]": f"[defaults]\n{option}"}
    for place, text in lists.items():
        (told,) = mistakes_in(text).splitlines()[1:]
        assert told.startswith(f"  {place} color = {colour!a}: not a colour that Shields knows; ")
        assert NEAREST[colour] in told
    kinds = script.KINDS.removeprefix("it knows ")
    for kind in re.split(r", (?=[a-z#])", kinds):
        assert read_list(f'{PACKAGE}color = "{kind}"').package


NAMES = r"|-a|a-|.a|a_|a b|a/b|a\u0000|a\n|ünicode|\u212a|a\u202eb|$(id)"


@pytest.mark.parametrize("name", [*NAMES.split("|"), "a" * 101])
def test_names_that_no_package_can_have_are_refused(name: str) -> None:
    assert "name = " in mistakes_in(f'[[package]]\nname = "{name}"')


PROJECTS = {"Flask-Login": "flask-login", "a.-_b": "a-b", "com10": "com10", "9" * 100: "9" * 100}


@pytest.mark.parametrize(("name", "project"), PROJECTS.items())
def test_a_project_is_its_normalised_name(name: str, project: str) -> None:
    assert read_list(f'[[package]]\nname = "{name}"').package[0].project == project


EVERYTHING_WRONG = """
surprise = 1
defaults = {color = "#bleu", colour = "blue"}
package = [
{name = "-requests", label = 5, decimals = 4},
{name = "flask", decimals = true, cacheSeconds = -1, style = "round"},
{name = "Flask", logoColor = "white"},
{label = "nameless"},
{name = "both", namedLogo = "pypi", logoSvg = "<svg/>"},
{name = "bad-logo", namedLogo = "Py PI", logoColor = "white", logoSvg = "picture.svg"},
]"""


class Mistake(NamedTuple):
    place: str
    value: str
    allowed: str


TOLD_OF_EVERYTHING = [
    Mistake("[defaults] color", "'#bleu'", "nearest is 'blue'"),
    Mistake("[defaults] colour", "", "labelColor"),
    Mistake("[[package]] 1 ('-requests') label", "5", "string"),
    Mistake("[[package]] 1 ('-requests') decimals", "4", "less than or equal to 3"),
    Mistake("[[package]] 1 ('-requests') name", "'-requests'", "letter or digit first"),
    Mistake("[[package]] 2 ('flask') decimals", "True", "integer"),
    Mistake("[[package]] 2 ('flask') cacheSeconds", "-1", "greater than or equal to 0"),
    Mistake("[[package]] 2 ('flask') style", "'round'", "'for-the-badge'"),
    Mistake("[[package]] 3 ('Flask') name", "'Flask'", "same project"),
    Mistake("[[package]] 3 ('Flask') logoColor", "'white'", "only beside namedLogo"),
    Mistake("[[package]] 4 ('nameless') name", "", "missing"),
    Mistake("[[package]] 5 ('both') logoSvg", "'<svg/>'", "not both"),
    Mistake("[[package]] 6 ('bad-logo') namedLogo", "'Py PI'", "simple-icons"),
    Mistake("[[package]] 6 ('bad-logo') logoSvg", "'picture.svg'", "<svg"),
    Mistake("[surprise]", "", "defaults, family, limits, package, site"),
]


def test_all_mistakes_are_told_at_once_with_place_value_and_what_is_allowed() -> None:
    head, *lines = mistakes_in(EVERYTHING_WRONG).splitlines()
    assert head == f"packages.toml has {len(TOLD_OF_EVERYTHING)} mistakes:"
    for mistake in TOLD_OF_EVERYTHING:
        begins = (f"  {mistake.place} =", f"  {mistake.place}:")
        (line,) = [line for line in lines if line.startswith(begins)]
        assert mistake.value in line
        assert mistake.allowed in line


UNREADABLE: dict[str | bytes, str] = {
    '[defaults]\nlogoColor = "white"\n' + FIFTY: "has 1 mistake:\n  [defaults] logo",
    '[defaults]\ncolor = "Bleu"\n' + FIFTY: "has 1 mistake:\n  [defaults] color",
    # A mistake brings no other after it.
    f'[defaults]\nnamedLogo = "pypi"\ncolor = 5\n{PACKAGE}logoColor = "red"': "has 1 mistake:",
    '[package]\nname = "x"': "list every package as [[package]]",
    "package = [1]": "dictionary",
    "site = 5": "[site] = 5",
    '[site]\nurl = "http://example.com"': "[site] url = 'http://example.com': Shields reads",
    '[site]\nurl = "https://x.org/?a"': "without ? and #",
    "[limits]\npackages = -1": "[limits] packages = -1",
    PACKAGE + 'label = "a\\u0007b"': "control char",
    PACKAGE + 'label = "a\\nb"': "one line",
    PACKAGE + "\nlabel = oops": "line 4",
    b'[[package]]\nname = "\xff"': "UTF-8",
    "x = " + "9" * 5000: "TOML",
    "x = " + "[" * 50000: "TOML",
    PACKAGE + "cacheSeconds = 0x" + "f" * 5000: "cacheSeconds = int: Input should be less",
    PACKAGE + "label." + "a." * 3000 + "b = 1": "label = ",
}


@pytest.mark.parametrize("text", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_list_that_cannot_be_read_says_why(text: str | bytes) -> None:
    assert UNREADABLE[text] in mistakes_in(text)


def test_told_values_cannot_drive_a_terminal_or_flood_it() -> None:
    key = '"\\u202e\\u001b" = 1\n'
    told = mistakes_in(key + PACKAGE + f'color = "\\u001b[2J\\u202e{"x" * 9999}"\n{key}')
    assert told.isascii()
    assert "\x1b" not in told
    assert len(told) < 1000


LISTS = [PACKAGE.encode(), PACKAGE.rstrip().encode() + b" # the first", b""]
LISTS += [b"\xef\xbb\xbf" + PACKAGE.encode(), b"[limits]\r\npackages = 3 # \xe2\x80\xa6\r\n"]


@pytest.mark.parametrize("text", LISTS)
def test_lengthening_keeps_every_byte(text: bytes) -> None:
    longer = script.lengthen(text, ["flask", "zope-event"])
    assert longer.startswith(text)
    assert [package.project for package in read_list(longer).package][-2:] == [
        "flask",
        "zope-event",
    ]
    assert script.lengthen(longer, []) == longer


@pytest.mark.parametrize("text", ['package = [{name = "requests"}]', "site = {}\npackage = []"])
def test_a_list_that_tables_cannot_follow_says_how_to_write_it(text: str, tmp_path: Path) -> None:
    issues = tmp_path / "issues.json"
    issues.write_text(json.dumps([{"number": 1, "body": form("flask")}]))
    options = Namespace(config=Path("packages.toml"), requests=issues)
    requested = script.read_requests(options, read_list(text), text.encode())
    (note,) = requested.notes
    assert requested.new == []
    assert re.search(r"Requests wait.*packages\.toml.*as \[\[package\]\] and name =", note)
