"""packages.toml: what is legal, and how mistakes are told."""

from __future__ import annotations

from pathlib import Path

import pytest

import script

PACKAGE = '[[package]]\nname = "requests"\n'


def read(tmp_path: Path, text: str | bytes) -> list[script.Package]:
    path = tmp_path / "packages.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return script.read_list(path)[0].package


def mistakes(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(script.Unable) as caught:
        read(tmp_path, text)
    return str(caught.value)


def test_the_list_of_this_repository_is_legal() -> None:
    assert script.read_list(Path(__file__).parent.parent / "packages.toml")


def test_options_have_the_documented_defaults(tmp_path: Path) -> None:
    (package,) = read(tmp_path, PACKAGE)
    assert package.model_dump(exclude_none=True) == {
        "name": "requests",
        "label": "downloads",
        "color": "blue",
        "cacheSeconds": 3600,
        "units": "abbreviation",
        "decimals": 1,
        "breakdown": False,
    }


def test_a_packages_own_options_win_over_the_defaults(tmp_path: Path) -> None:
    text = '[defaults]\ncolor = "red"\nlabel = "all"\n' + PACKAGE + 'label = "own"\n'
    (package,) = read(tmp_path, text)
    assert (package.color, package.label) == ("red", "own")


DEFAULT_LOGO = '[defaults]\nnamedLogo = "pypi"\nlogoColor = "white"\nlogoSize = "auto"\n'


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("", {"namedLogo": "pypi", "logoColor": "white", "logoSize": "auto"}),
        ('logoColor = "red"', {"namedLogo": "pypi", "logoColor": "red", "logoSize": "auto"}),
        ('namedLogo = "python"', {"namedLogo": "python"}),
        ('logoSvg = "<svg/>"', {"logoSvg": "<svg/>"}),
        (
            'namedLogo = "python"\nlogoColor = "red"',
            {"namedLogo": "python", "logoColor": "red"},
        ),
    ],
)
def test_an_own_logo_replaces_the_default_one_with_its_colour_and_size(
    tmp_path: Path, own: str, expected: dict[str, str]
) -> None:
    (package,) = read(tmp_path, DEFAULT_LOGO + PACKAGE + own)
    assert package.model_dump(include=script.LOGO_OPTIONS, exclude_none=True) == expected


def test_a_default_logo_colour_is_for_whichever_logo_a_package_names(tmp_path: Path) -> None:
    text = '[defaults]\nlogoColor = "white"\n' + PACKAGE + 'namedLogo = "pypi"\n'
    assert read(tmp_path, text)[0].logoColor == "white"


@pytest.mark.parametrize(
    "colour",
    [
        *("blue", "brightgreen", "lightgrey", "lightgray", "critical", "inactive"),
        *("rebeccapurple", "papayawhip", "fff", "FFF", "#fff", "fe7d37", "#FE7D37"),
        *("#fe7d", "#fe7d3780", "rgb(1,2,3)", "rgba( 1 , 2 , 3 , 0.5 )", "rgb(1 2 3 / 50%)"),
        *("rgb(1%, 2%, 3%)", "hsl(120, 50%, 50%)", "hsla(120deg,50%,50%,.5)"),
    ],
)
def test_colours_that_shields_knows_are_legal(tmp_path: Path, colour: str) -> None:
    assert read(tmp_path, PACKAGE + f'color = "{colour}"')[0].color == colour


@pytest.mark.parametrize(
    "colour",
    [
        *("", "bleu", "Blue", "RED", "fe7d", "#ff", "#fffff", "transparent", "rgb(1,2)", " red"),
        *("rgb(1,2%,3)", "hsl(120,50,50)", "red;", "red\\n", "url(x)", "#ggg", "rgb(1,2,3,2)"),
        *("٣٣٣", "rgb(١,2,3)", "var(--x)", "none", "currentColor"),
    ],
)
def test_other_colours_are_refused(tmp_path: Path, colour: str) -> None:
    text = mistakes(tmp_path, PACKAGE + f'color = "{colour}"')
    assert "[[package]] 1 ('requests') color = " in text
    assert "not a colour that Shields knows" in text


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "-a", "a-", ".a", "a_", "a b", "a/b", "../a", "a\\u0000", "a\\n", "ünicode"),
        *("\\u212a", "ſ", "a" * 101, "con", "AUX", "nul", "Com1", "lpt9", "a\\u202eb", "$(id)"),
    ],
)
def test_names_that_no_package_can_have_are_refused(tmp_path: Path, name: str) -> None:
    assert "name = " in mistakes(tmp_path, f'[[package]]\nname = "{name}"')


@pytest.mark.parametrize(
    ("name", "project"),
    [
        ("Flask-Login", "flask-login"),
        ("flask_login", "flask-login"),
        ("zope.interface", "zope-interface"),
        ("a.-_b", "a-b"),
        ("9", "9"),
        ("a" * 100, "a" * 100),
        ("com10", "com10"),
        ("con-x", "con-x"),
    ],
)
def test_a_project_is_its_normalised_name(tmp_path: Path, name: str, project: str) -> None:
    (package,) = read(tmp_path, f'[[package]]\nname = "{name}"')
    assert package.project == project


EVERYTHING_WRONG = """
surprise = 1

[defaults]
color = "bleu"
colour = "blue"

[[package]]
name = "-requests"
label = 5
decimals = 4

[[package]]
name = "flask"
decimals = true
units = "thousands"
cacheSeconds = -1
style = "round"

[[package]]
name = "Flask"
labelColor = "reddish"
logoColor = "white"

[[package]]
label = "nameless"

[[package]]
name = "both"
namedLogo = "pypi"
logoSvg = "<svg/>"

[[package]]
name = "bad-logo"
namedLogo = "Py PI"
logoColor = "white"
logoSvg = "picture.svg"
"""


def test_all_mistakes_are_told_at_once_with_place_value_and_what_is_allowed(
    tmp_path: Path,
) -> None:
    told = mistakes(tmp_path, EVERYTHING_WRONG).splitlines()
    assert told[0].endswith("packages.toml has 17 mistakes:")
    for place, value, allowed in [
        ("[defaults] color", "'bleu'", "hex"),
        ("[defaults] colour", "", "labelColor"),
        ("[[package]] 1 ('-requests') label", "5", "string"),
        ("[[package]] 1 ('-requests') decimals", "4", "less than or equal to 3"),
        ("[[package]] 1 ('-requests') name", "'-requests'", "letter or digit first"),
        ("[[package]] 2 ('flask') units", "'thousands'", "'none'"),
        ("[[package]] 2 ('flask') decimals", "True", "integer"),
        ("[[package]] 2 ('flask') cacheSeconds", "-1", "greater than or equal to 0"),
        ("[[package]] 2 ('flask') style", "'round'", "'for-the-badge'"),
        ("[[package]] 3 ('Flask') name", "'Flask'", "same project"),
        ("[[package]] 3 ('Flask') labelColor", "'reddish'", "not a colour"),
        ("[[package]] 3 ('Flask') logoColor", "'white'", "only beside namedLogo"),
        ("[[package]] 4 name", "", "missing"),
        ("[[package]] 5 ('both') logoSvg", "'<svg/>'", "not both"),
        ("[[package]] 6 ('bad-logo') namedLogo", "'Py PI'", "simple-icons"),
        ("[[package]] 6 ('bad-logo') logoSvg", "'picture.svg'", "<svg"),
        ("surprise", "", "defaults, limits, package, site"),
    ]:
        (line,) = [line for line in told if line.strip().startswith((f"{place} =", f"{place}:"))]
        assert value in line
        assert allowed in line


def test_mistaken_defaults_are_told_once_not_for_every_package(tmp_path: Path) -> None:
    tables = "".join(f'[[package]]\nname = "p{number}"\n' for number in range(50))
    assert "has 1 mistake:" in mistakes(tmp_path, '[defaults]\ncolor = "bleu"\n' + tables)


@pytest.mark.parametrize(
    "defaults", ['logoColor = "white"', 'namedLogo = "pypi"\nlogoSvg = "<svg/>"']
)
def test_logos_that_do_not_go_together_in_the_defaults_are_told_there(
    tmp_path: Path, defaults: str
) -> None:
    tables = "".join(f'[[package]]\nname = "p{number}"\n' for number in range(50))
    told = mistakes(tmp_path, f"[defaults]\n{defaults}\n" + tables)
    assert "has 1 mistake:" in told
    assert "\n  [defaults] logo" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[package]\nname = "x"', "list every package as [[package]]"),
        ("site = 5", "[site] = 5"),
        ('[site]\nrepository = "flask"', "OWNER/NAME"),
        ('[site]\nurl = "http://example.com"', "[site] url = 'http://example.com': Shields reads"),
        ('[site]\nurl = "https://example.com/?a"', "without ? and #"),
        ('[site]\nname = "x"', "[site] name: no such key; allowed are repository, url"),
        ("[limits]\npackages = -1", "[limits] packages = -1"),
        ("package = [1]", "dictionary"),
        ('defaults = 5\n[[package]]\nlabel = "nameless"', "name: is missing"),
        ('defaults = 5\n[[package]]\nname = "x"\nlabel = 5', "has 2 mistakes"),
        ('[[package]]\nname = "x"\nlabel = "a\\u0007b"', "control characters"),
        ('[[package]]\nname = "x"\nlabel = "a\\nb"', "one line"),
        ("[[package]]\nname = 2026-01-01", "string"),
        ('[[package]]\nname = "x"\ndecimals = 1.0', "integer"),
        ('[[package]]\nname = "x"\n\nlabel = oops', "line 4"),
        ("x = " + "9" * 5000, "TOML"),
        ("x = " + "[" * 50000, "TOML"),
        (PACKAGE + "cacheSeconds = 0x" + "f" * 5000, "31536000"),
        (PACKAGE + "label." + "a." * 3000 + "b = 1", "label = "),
        (b'[[package]]\nname = "\xff"', "line 2"),
    ],
)
def test_a_list_that_cannot_be_read_says_why(tmp_path: Path, text: str | bytes, told: str) -> None:
    assert told in mistakes(tmp_path, text)


def test_a_missing_list_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(script.Unable, match="--config"):
        script.read_list(tmp_path / "nowhere.toml")


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + PACKAGE.encode())[0].name == "requests"


def test_told_values_cannot_drive_a_terminal_or_flood_it(tmp_path: Path) -> None:
    told = mistakes(tmp_path, PACKAGE + f'color = "\\u001b[2J\\u202e{"x" * 9999}"')
    assert told.isascii() or "…" in told
    assert "\x1b" not in told
    assert len(told) < 1000
