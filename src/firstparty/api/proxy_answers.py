"""A generated proxy as the API shows it."""

from typing import Annotated, Self

from pydantic import BaseModel, Field

from firstparty.control.proxies import ProxyView


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

    @classmethod
    def of(cls, view: ProxyView) -> Self:
        """The answer for this proxy."""
        made = view.generated
        return cls(
            provider=made.provider,
            title=made.title,
            cdn_upstream=view.proxy.cdn.origin,
            api_upstream=view.proxy.api.origin,
            files=[ProxyFile(path=one.path, text=one.text) for one in made.files],
            records=[
                ProxyRecord(name=one.name, type=one.type, value=one.value) for one in made.records
            ],
            steps=list(made.steps),
            pastes=[ProxyPaste(format=one.form, code=one.code) for one in view.pastes],
            api_base=view.api_base,
            proof=list(made.proof),
            device_mode=list(view.device_mode),
        )
