"""The page in the text of its files: its colours, and what it asks for."""

from __future__ import annotations

import re

from served import SCRIPT

STYLE = (SCRIPT.parent / "docs/style.css").read_text(encoding="utf-8")
ROOTS = r":root \{([^}]*)\}\n@media \(prefers-color-scheme: dark\) \{\s*:root \{([^}]*)\}\s*\}"
COLOUR = r"#(?:[0-9a-f]{3}){1,2}\b"


def test_each_colour_is_a_property_defined_for_light_and_for_dark() -> None:
    assert (STYLE.count("light-dark("), STYLE.count("prefers-color-scheme")) == (0, 1)
    ((light, dark),) = re.findall(ROOTS, STYLE)
    of_light, of_dark = (re.findall(rf"--([\w-]+): {COLOUR};", text) for text in (light, dark))
    assert of_light == of_dark
    assert len({*of_light}) == len(of_light)
    rest = re.sub(ROOTS, "", STYLE)
    used = {*re.findall(r"var\(--([\w-]+)\)", rest)}
    assert {*of_light} - used == set()
    assert used - {*of_light} == {"round", "row", "rows"}  # lengths
    assert {*re.findall(rf"^\.([\w-]+).*{COLOUR}", rest, re.MULTILINE)} == {
        "mark"
    }  # the same on both


def test_lines_of_javascript_have_a_hundred_characters_at_most() -> None:
    for path in (SCRIPT.parent / "docs").glob("*.js"):
        long = [line for line in path.read_text("utf-8").splitlines() if len(line) > 100]
        assert long == [], path


def test_each_module_is_asked_for_at_once() -> None:
    text = (SCRIPT.parent / "docs/index.html").read_text(encoding="utf-8")
    modules = {path.name for path in (SCRIPT.parent / "docs").glob("*.js")}
    assert {*re.findall(r'"modulepreload" href="(\w+\.js)"', text)} == modules - {"start.js"}
