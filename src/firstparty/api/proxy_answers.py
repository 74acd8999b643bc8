"""A generated proxy as the API shows it."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from firstparty.control.proxy_mail import Purpose
from firstparty.control.proxy_views import ProxyView, build_document


class ProxyFile(BaseModel):
    """A file to put somewhere; the steps say where."""

    path: Annotated[str, Field(examples=["firstparty.conf"])]
    text: str


class ProxyRecord(BaseModel):
    """A DNS record to add. The value may be one that only the provider knows."""

    name: Annotated[str, Field(examples=["evs.shop.com."])]
    type: Annotated[str, Field(examples=["CNAME"])]
    value: Annotated[str, Field(examples=["your-server.example.com."])]


class ProxyPaste(BaseModel):
    """Code to copy into the site or app."""

    format: Annotated[str, Field(examples=["html"])]
    code: str


class ProxyMail(BaseModel):
    """An e-mail to copy, by which Segment's support is asked for a host address."""

    purpose: Annotated[Purpose, Field(description="To the proxy, or back")]
    subject: str
    body: str


class ProxyAnswer(BaseModel):
    """Everything needed to run a proxy, in the order in which it is needed."""

    provider: Annotated[str, Field(examples=["nginx"])]
    title: Annotated[str, Field(examples=["nginx"])]
    cdn_upstream: Annotated[str, Field(examples=["https://cdn.segment.com"])]
    api_upstream: Annotated[str, Field(examples=["https://api.segment.io"])]
    files: list[ProxyFile]
    records: list[ProxyRecord]
    steps: list[str]
    pastes: list[ProxyPaste]
    api_base: Annotated[
        str, Field(description="What SDKs call the host address", examples=["api.shop.com/v1"])
    ]
    proof: Annotated[list[str], Field(description="Commands that show that it works")]
    device_mode: Annotated[
        list[str], Field(description="Destinations in the browser: the proxy does not cover them")
    ]
    mails: Annotated[
        list[ProxyMail], Field(description="For sources whose settings Segment serves")
    ]

    @classmethod
    def of(cls, view: ProxyView) -> Self:
        """The answer for this proxy."""
        return cls.model_validate(build_document(view))
