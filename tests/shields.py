"""Shields, as far as an endpoint badge goes: the schema that it checks, and about what it draws.

The schema is strict as Shields is: what it refuses reads "invalid".
https://shields.io/badges/endpoint-badge
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

Text = Annotated[str, Field(min_length=1)]
STYLES = ("flat", "flat-square", "plastic", "for-the-badge", "social")
OVERRIDES = {"label", "color", "labelColor", "logo", "logoColor", "logoSize", "style"}
COLOURS = {
    "brightgreen": "#4b0",
    "success": "#4b0",
    "green": "#67ac09",
    "yellowgreen": "#95991a",
    "yellow": "#d8b800",
    "orange": "#ea7233",
    "red": "#dd4343",
    "blue": "#007ec6",
    "grey": "#555",
    "lightgrey": "#939393",
}


class EndpointBadge(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    schemaVersion: Literal[1]
    label: str
    message: Text
    color: Text = "lightgrey"
    labelColor: Text = "grey"
    isError: bool = False
    namedLogo: Text = ""
    logoSvg: Text = ""
    logoColor: Text = ""
    logoSize: Text = ""
    style: Literal["flat", "flat-square", "plastic", "for-the-badge", "social"] = "flat"
    cacheSeconds: Annotated[int, Field(ge=0, le=2**53 - 1)] = 300

    @model_validator(mode="after")
    def _logos(self) -> Self:
        given = self.model_fields_set
        if {"namedLogo", "logoSvg"} <= given:
            raise ValueError("namedLogo or logoSvg, not both")
        if given & {"logoColor", "logoSize"} and "namedLogo" not in given:
            raise ValueError("a logo's colour and size go with namedLogo")
        return self


def show(address: str, fetch: Callable[[str], bytes]) -> str:
    """The badge at an address of img.shields.io, as SVG. `fetch` gives the JSON it names.

    Raises ValueError where Shields would show an error, or ignore what the address says.
    """
    parts = urlsplit(address)
    pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    query = dict(pairs)
    if (parts.scheme, parts.netloc, parts.path) != ("https", "img.shields.io", "/endpoint"):
        raise ValueError(f"not an endpoint badge: {address}")
    if len(query) < len(pairs) or not query.keys() <= OVERRIDES | {"url"}:
        raise ValueError(f"parameters that Shields would ignore: {address}")
    source = query.pop("url")
    if urlsplit(source).scheme != "https":
        raise ValueError(f"please use https: {source}")
    if query.get("style", "flat") not in STYLES:
        raise ValueError(f"no such style: {address}")
    badge = EndpointBadge.model_validate_json(fetch(source))
    if query.get("logo"):
        badge.namedLogo = query.pop("logo")
    return draw(badge.model_copy(update=query))


def draw(badge: EndpointBadge) -> str:
    """A badge about as Shields draws it: with a dot for the logo, and guessed widths."""
    big = badge.style == "for-the-badge"
    label, message = badge.label, badge.message
    if big:
        label, message = label.upper(), message.upper()
    height, pad = (28, 12) if big else (20, 6)
    has_logo = bool(badge.namedLogo or badge.logoSvg)
    logo = 17 if has_logo else 0

    def width(text: str) -> float:
        narrow, wide = (sum(map(text.count, letters)) for letters in ("fijlrt.,/:|()! ", "mwMW%"))
        letters = 7.1 * len(text) - 2.7 * narrow + 3.4 * wide
        return letters * (1.12 if big else 1) + 2 * pad if text else 0.0

    left = width(label) + logo or 0.0
    left += logo and not label and pad
    total = left + width(message)
    colour, label_colour = (COLOURS.get(c, c) for c in (badge.color, badge.labelColor))
    if badge.style == "social":
        colour = label_colour = "#f4f4f4"
    ink = "#333" if badge.style == "social" else "#fff"
    radius = 0 if badge.style == "flat-square" or big else 3
    dot = f'<circle cx="{pad + 6}" cy="{height / 2}" r="5.5" fill="{ink}"/>' if has_logo else ""
    size = 10 if big else 11
    spaced = ' letter-spacing="1.2"' if big else ""
    weight = ' font-weight="bold"' if big else ""
    middle = height / 2 + 4
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total:.0f}" height="{height}">'
        f"<title>{escape(f'{badge.label}: {badge.message}')}</title>"
        f'<clipPath id="r"><rect width="{total:.0f}" height="{height}" rx="{radius}"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left:.1f}" height="{height}" '
        f'fill="{escape(_css(label_colour))}"/><rect x="{left:.1f}" width="{total - left:.1f}" '
        f'height="{height}" fill="{escape(_css(colour))}"/></g>{dot}'
        f'<g fill="{ink}" font-family="Verdana,DejaVu Sans,sans-serif" font-size="{size}"{spaced}>'
        f'<g text-anchor="middle"><text x="{(left + logo) / 2:.1f}" y="{middle}">{escape(label)}'
        f'</text><text x="{(left + total) / 2:.1f}" y="{middle}"{weight}>{escape(message)}'
        "</text></g></g></svg>"
    )


def _css(colour: str) -> str:
    bare_hex = len(colour) in (3, 6) and set(colour.lower()) <= set("0123456789abcdef")
    return f"#{colour}" if bare_hex else colour
