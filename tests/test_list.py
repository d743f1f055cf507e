"""packages.toml: what is legal, how mistakes are told, and how it is lengthened."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

import script

PACKAGE = '[[package]]\nname = "requests"\n'
FIFTY = "".join(f'[[package]]\nname = "p{number}"\n' for number in range(50))


def read(text: str | bytes) -> list[script.Package]:
    given = text.encode() if isinstance(text, str) else text
    return script.parse_list(given, "packages.toml").package


def mistakes(text: str | bytes) -> str:
    with pytest.raises(script.Unable) as caught:
        read(text)
    return str(caught.value)


def test_the_list_of_this_repository_is_legal() -> None:
    assert read((Path(script.__file__).parent / "packages.toml").read_bytes())


LOGO = '[defaults]\nlabel = "all"\nnamedLogo = "pypi"\nlogoColor = "white"\nlogoSize = "auto"\n'
WHITE = {"namedLogo": "pypi", "logoColor": "white", "logoSize": "auto"}
OWN = [
    *(("", WHITE), ('logoColor = "red"', WHITE | {"logoColor": "red"})),
    ('namedLogo = "php"\nlogoColor = "red"', {"namedLogo": "php", "logoColor": "red"}),
    ('logoSvg = "<svg/>"', {"logoSvg": "<svg/>"}),
]


@pytest.mark.parametrize(("own", "expected"), OWN)
def test_own_options_win_and_an_own_logo_replaces_the_default(own: str, expected: Any) -> None:
    (package,) = read(LOGO + PACKAGE + own)
    logo = {"namedLogo", "logoSvg", "logoColor", "logoSize"}
    assert package.model_dump(include=logo, exclude_none=True) == expected
    assert package.label == "all"


LEGAL_COLOURS = [
    *("blue", "rebeccapurple", "fff", "#FE7D37", "#fe7d", "fe7d37", "#fe7d3780", "rgb(1,2,3)"),
    *("rgba( 1 , 2 , 3 , 0.5 )", "rgb(1 2 3 / 50%)", "hsl(120, 50%, 50%)", "hsla(120deg,5%,5%,.5)"),
]
ILLEGAL_COLOURS = [
    *("", "Blue", "fe7d", "#ff", "#fffff", " red", "red;", "red\\n", "url(x)", "#ggg", "rgb(1,2)"),
    *("rgb(x,y,z)", "٣٣٣", "rgb(١,2,3)", "var(--x)", 'red\\"', "rgb(1,2,3)x", f"rgb({'1' * 51})"),
]


@pytest.mark.parametrize("option", ["color", "labelColor", "logoColor"])
def test_colours_are_words_hex_or_functions(option: str) -> None:
    text = PACKAGE + f'namedLogo = "pypi"\n{option} = "%s"'
    assert [getattr(read(text % one)[0], option) for one in LEGAL_COLOURS] == LEGAL_COLOURS
    for colour in ILLEGAL_COLOURS:
        told = mistakes(text % colour)
        assert re.search(f"1 \\('requests'\\) {option} = .*: not a colour: a name", told), colour


NAMES = r"|-a|a-|.a|a_|a b|a/b|a\u0000|a\n|ünicode|\u212a|a\u202eb|$(id)"


@pytest.mark.parametrize("name", [*NAMES.split("|"), "a" * 101])
def test_names_that_no_package_can_have_are_refused(name: str) -> None:
    assert "name = " in mistakes(f'[[package]]\nname = "{name}"')


PROJECTS = {"Flask-Login": "flask-login", "a.-_b": "a-b", "com10": "com10", "9" * 100: "9" * 100}


@pytest.mark.parametrize(("name", "project"), PROJECTS.items())
def test_a_project_is_its_normalised_name(name: str, project: str) -> None:
    assert read(f'[[package]]\nname = "{name}"')[0].project == project


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
TOLD_OF_EVERYTHING = [  # place, value, and what is allowed
    *(("[defaults] color", "'#bleu'", "hex"), ("[defaults] colour", "", "labelColor")),
    ("[[package]] 1 ('-requests') label", "5", "string"),
    ("[[package]] 1 ('-requests') decimals", "4", "less than or equal to 3"),
    ("[[package]] 1 ('-requests') name", "'-requests'", "letter or digit first"),
    ("[[package]] 2 ('flask') decimals", "True", "integer"),
    ("[[package]] 2 ('flask') cacheSeconds", "-1", "greater than or equal to 0"),
    ("[[package]] 2 ('flask') style", "'round'", "'for-the-badge'"),
    ("[[package]] 3 ('Flask') name", "'Flask'", "same project"),
    ("[[package]] 3 ('Flask') logoColor", "'white'", "only beside namedLogo"),
    ("[[package]] 4 ('nameless') name", "", "missing"),
    ("[[package]] 5 ('both') logoSvg", "'<svg/>'", "not both"),
    ("[[package]] 6 ('bad-logo') namedLogo", "'Py PI'", "simple-icons"),
    ("[[package]] 6 ('bad-logo') logoSvg", "'picture.svg'", "<svg"),
    ("[surprise]", "", "defaults, family, limits, package, site"),
]


def test_all_mistakes_are_told_at_once_with_place_value_and_what_is_allowed() -> None:
    head, *told = mistakes(EVERYTHING_WRONG).splitlines()
    assert head == f"packages.toml has {len(TOLD_OF_EVERYTHING)} mistakes:"
    for place, value, allowed in TOLD_OF_EVERYTHING:
        (line,) = [line for line in told if line.startswith((f"  {place} =", f"  {place}:"))]
        assert (value in line, allowed in line) == (True, True), line


UNREADABLE: list[tuple[str | bytes, str]] = [
    ('[defaults]\nlogoColor = "white"\n' + FIFTY, "has 1 mistake:\n  [defaults] logo"),
    ('[defaults]\ncolor = "Bleu"\n' + FIFTY, "has 1 mistake:\n  [defaults] color"),
    ('[package]\nname = "x"', "list every package as [[package]]"),
    *(("site = 5", "[site] = 5"), ("[limits]\npackages = -1", "[limits] packages = -1")),
    ('[site]\nurl = "http://example.com"', "[site] url = 'http://example.com': Shields reads"),
    *(("package = [1]", "dictionary"), ('[site]\nurl = "https://x.org/?a"', "without ? and #")),
    *((PACKAGE + 'label = "a\\u0007b"', "control char"), (PACKAGE + 'label = "a\\nb"', "one line")),
    *((PACKAGE + "\nlabel = oops", "line 4"), (b'[[package]]\nname = "\xff"', "UTF-8")),
    *(("x = " + "9" * 5000, "TOML"), ("x = " + "[" * 50000, "TOML")),
    (PACKAGE + "cacheSeconds = 0x" + "f" * 5000, "cacheSeconds = int: Input should be less"),
    (PACKAGE + "label." + "a." * 3000 + "b = 1", "label = "),
]


@pytest.mark.parametrize(("text", "told"), UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_list_that_cannot_be_read_says_why(text: str | bytes, told: str) -> None:
    assert told in mistakes(text)


def test_told_values_cannot_drive_a_terminal_or_flood_it() -> None:
    told = mistakes(PACKAGE + f'color = "\\u001b[2J\\u202e{"x" * 9999}"\n"\\u202e\\u001b" = 1')
    assert (told.isascii(), "\x1b" in told, len(told) < 1000) == (True, False, True)


LISTS = [PACKAGE.encode(), PACKAGE.rstrip().encode() + b" # the first", b""]
LISTS += [b"\xef\xbb\xbf" + PACKAGE.encode(), b"[limits]\r\npackages = 3 # \xe2\x80\xa6\r\n"]


@pytest.mark.parametrize("text", LISTS)
def test_lengthening_keeps_every_byte(text: bytes) -> None:
    longer = script.lengthen(text, ["flask", "zope-event"])
    assert longer.startswith(text)
    assert [package.project for package in read(longer)][-2:] == ["flask", "zope-event"]
    assert script.lengthen(longer, []) == longer


@pytest.mark.parametrize("text", ['package = [{name = "requests"}]', "site = {}\npackage = []"])
def test_a_list_that_tables_cannot_follow_says_how_to_write_it(text: str, tmp_path: Path) -> None:
    issues = tmp_path / "issues.json"
    issues.write_text('[{"number": 1, "body": "### Packages\\n\\nflask"}]')
    options = Namespace(config=Path("packages.toml"), requests=issues)
    config = script.parse_list(text.encode(), "packages.toml")
    requested = script.read_requests(options, config, text.encode())
    (note,) = requested.notes
    assert requested.new == []
    assert re.search(r"Requests wait.*packages\.toml.*as \[\[package\]\] and name =", note)
