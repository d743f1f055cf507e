"""The endpoint badge's schema as Shields checks it, strictly: what it refuses reads "invalid".

https://shields.io/badges/endpoint-badge
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Text = Annotated[str, Field(min_length=1)]


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
