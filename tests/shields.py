"""Shields, as far as an endpoint badge goes: the schema that it checks, and about what it draws.

The schema is strict as Shields is: what it refuses reads "invalid".
https://shields.io/badges/endpoint-badge
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Annotated, Literal, Self, get_args
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, model_validator

Text = Annotated[str, Field(min_length=1)]
Style = Literal["flat", "flat-square", "plastic", "for-the-badge", "social"]
OVERRIDES = {"label", "color", "labelColor", "logo", "logoColor", "logoSize", "style"}
COLOURS = {"brightgreen": "#4b0", "success": "#4b0", "orange": "#ea7233", "blue": "#007ec6"}
COLOURS |= {"grey": "#555", "lightgrey": "#939393"}
SPELLINGS = tomllib.loads(Path(__file__).with_name("colours.toml").read_text("utf-8"))
DRAWN = [*SPELLINGS["names"].split(), *SPELLINGS["drawn"], *SPELLINGS["cased"]]


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
    """The badge at an address of img.shields.io, as SVG; as `badge_at`."""
    return draw(badge_at(address, fetch))


def badge_at(address: str, fetch: Callable[[str], bytes]) -> EndpointBadge:
    """The badge at an address of img.shields.io. `fetch` gives the JSON it names.

    Raises ValueError where Shields would show an error, or ignore what the address says.
    """
    path, _, text = address.partition("?")
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True)
    query = dict(pairs)
    if path == "https://img.shields.io/static/v1":  # https://shields.io/badges/static-badge
        badge = EndpointBadge(schemaVersion=1, label="", message=query.pop("message"))
    elif path == "https://img.shields.io/endpoint" and query["url"].startswith("https://"):
        badge = EndpointBadge.model_validate_json(fetch(query.pop("url")))
    else:
        raise ValueError(f"not such a badge: {address}")
    is_style = query.get("style", "flat") in get_args(Style)
    if len(query) + 1 < len(pairs) or not query.keys() <= OVERRIDES or not is_style:
        raise ValueError(f"parameters that Shields would ignore: {address}")
    if query.get("logo"):
        badge.namedLogo = query.pop("logo")
    return badge.model_copy(update=query)


def draw(badge: EndpointBadge) -> str:
    """A badge about as Shields draws it: with a dot for the logo, and guessed widths."""
    big = badge.style == "for-the-badge"
    height, letter, pad = (28, 9, 24) if big else (20, 6.6, 11)
    label, message = (escape(t.upper() if big else t) for t in (badge.label, badge.message))
    logo = 17 if badge.namedLogo or badge.logoSvg else 0
    left = letter * len(badge.label) + pad * bool(label or logo) + logo
    total = left + letter * len(badge.message) + pad
    named = (COLOURS.get(c, c) for c in (badge.labelColor, badge.color))
    fills = [escape(re.sub("^(?=(?:[0-9a-f]{3}){1,2}$)", "#", colour)) for colour in named]
    radius, weight = 0 if big or badge.style == "flat-square" else 3, "bold" if big else "normal"
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{height}">
        <clipPath id="r"><rect width="{total}" height="{height}" rx="{radius}"/></clipPath>
        <g clip-path="url(#r)"><rect width="{total}" height="{height}" fill="{fills[1]}"/>
        <rect width="{left}" height="{height}" fill="{fills[0]}"/></g>
        <g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" text-anchor="middle"
        font-size="{10 if big else 11}" font-weight="{weight}">
        <circle cx="{pad / 2 + 6}" cy="{height / 2}" r="{logo / 3}"/>
        <text x="{(left + logo) / 2}" y="{height / 2 + 4}">{label}</text>
        <text x="{(left + total) / 2}" y="{height / 2 + 4}">{message}</text></g></svg>"""
