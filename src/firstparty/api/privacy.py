"""A source's privacy rules on the wire."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from firstparty.model.privacy import IpRule, PrivacyRules


class PrivacyBody(BaseModel):
    """What may be kept of a source's messages; applied before anything is stored."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"ip": "truncate", "honour_gpc": True, "drop_fields": ["properties.email"]}
            ]
        },
    )

    ip: Annotated[
        IpRule, Field(description="The visitor's address: truncate keeps /24 of IPv4, /48 of IPv6")
    ] = IpRule.KEEP
    honour_gpc: Annotated[
        StrictBool, Field(description="Keep nothing that a browser sends with Sec-GPC: 1")
    ] = False
    honour_dnt: Annotated[
        StrictBool, Field(description="Keep nothing that a browser sends with DNT: 1")
    ] = False
    consent: Annotated[
        list[str],
        Field(
            description="Keep a message only if each of these categories is true in its "
            "context.consent.categoryPreferences",
            max_length=500,
        ),
    ] = []
    drop_fields: Annotated[
        list[str],
        Field(description="Paths of fields to drop, such as properties.email", max_length=500),
    ] = []

    @classmethod
    def of(cls, rules: PrivacyRules) -> Self:
        """The body for these rules."""
        return cls(
            ip=rules.ip,
            honour_gpc=rules.honour_gpc,
            honour_dnt=rules.honour_dnt,
            consent=list(rules.consent),
            drop_fields=list(rules.drop_fields),
        )

    def parse(self) -> PrivacyRules:
        """The rules that were sent."""
        return PrivacyRules(
            ip=self.ip,
            honour_gpc=self.honour_gpc,
            honour_dnt=self.honour_dnt,
            consent=tuple(self.consent),
            drop_fields=tuple(self.drop_fields),
        )
