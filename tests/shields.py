"""Shields, as far as an endpoint badge goes: the schema that it checks, and about what it draws.

The schema is strict as Shields is: what it refuses reads "invalid".
https://shields.io/badges/endpoint-badge
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Annotated, Literal, Self, get_args
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

Text = Annotated[str, Field(min_length=1)]
Style = Literal["flat", "flat-square", "plastic", "for-the-badge", "social"]
OVERRIDES = {"label", "color", "labelColor", "logo", "logoColor", "logoSize", "style"}
COLOURS = {"brightgreen": "#4b0", "success": "#4b0", "green": "#67ac09", "yellowgreen": "#95991a"}
COLOURS |= {"yellow": "#d8b800", "orange": "#ea7233", "red": "#dd4343", "blue": "#007ec6"}
COLOURS |= {"grey": "#555", "lightgrey": "#939393"}


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
    style: Style = "flat"
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
    if query.get("style", "flat") not in get_args(Style):
        raise ValueError(f"no such style: {address}")
    badge = EndpointBadge.model_validate_json(fetch(source))
    if query.get("logo"):
        badge.namedLogo = query.pop("logo")
    return draw(badge.model_copy(update=query))


def draw(badge: EndpointBadge) -> str:
    """A badge about as Shields draws it: with a dot for the logo, and guessed widths."""
    big = badge.style == "for-the-badge"
    texts = [text.upper() if big else text for text in (badge.label, badge.message)]
    height, pad, size, look = 20, 6, 11, ""
    if big:
        height, pad, size, look = 28, 12, 10, ' letter-spacing="1.2" font-weight="bold"'
    has_logo = bool(badge.namedLogo or badge.logoSvg)

    def width(text: str) -> float:
        narrow, wide = (sum(map(text.count, letters)) for letters in ("fijlrt.,/:|()! ", "mwMW%"))
        letters = 7.1 * len(text) - 2.7 * narrow + 3.4 * wide
        return letters * (1.2 if big else 1) + 2 * pad if text else 0.0

    logo = 17 if has_logo else 0
    left = width(texts[0]) + logo + (pad if has_logo and not texts[0] else 0)
    total = left + width(texts[1])
    colours = [COLOURS.get(c, c) for c in (badge.labelColor, badge.color)]
    ink, radius = "#fff", 0 if badge.style == "flat-square" or big else 3
    if badge.style == "social":
        colours, ink = ["#f4f4f4"] * 2, "#333"
    fills = [f"#{c}" if re.fullmatch("(?i:[0-9a-f]{3}){1,2}", c) else escape(c) for c in colours]
    dot = f'<circle cx="{pad + 6}" cy="{height / 2}" r="5.5" fill="{ink}"/>' if has_logo else ""
    middles = (left + logo) / 2, (left + total) / 2
    shown = "".join(
        f'<text x="{x:.1f}" y="{height / 2 + 4}">{escape(text)}</text>'
        for x, text in zip(middles, texts, strict=True)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total:.0f}" height="{height}">'
        f"<title>{escape(f'{badge.label}: {badge.message}')}</title>"
        f'<clipPath id="r"><rect width="{total:.0f}" height="{height}" rx="{radius}"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left:.1f}" height="{height}" fill="{fills[0]}"/>'
        f'<rect x="{left:.1f}" width="{total - left:.1f}" height="{height}" fill="{fills[1]}"/>'
        f'</g>{dot}<g fill="{ink}" font-family="Verdana,DejaVu Sans,sans-serif" '
        f'font-size="{size}" text-anchor="middle"{look}>{shown}</g></svg>'
    )
