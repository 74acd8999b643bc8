"""A site's page: whether it answers, which of the owner's sources are on it, and from which hosts.

Pure: what was fetched comes in. A page's HTML is a stranger's text: it is searched, never run.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

from firstparty.doctor.checks import Found, Verdict

_DEFAULT_HOSTS: Final = ("cdn.segment.com", "cdn.segment.io")
_LOADS: Final = re.compile(r"/analytics\.js/v1/([A-Za-z0-9]{1,128})/analytics(?:\.min)?\.js")
_CALL: Final = re.compile(r"analytics\.load\(\s*[\"']([A-Za-z0-9]{1,128})[\"']")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSource:
    """A javascript source of the owner's, with the addresses that its snippet names."""

    name: str
    write_key: str
    cdn_host: str
    alias_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a page's HTML says of itself. ``scripts`` are inline; ``sources`` are addresses."""

    is_html: bool
    meta_policies: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All that could name a host or a write key."""
        return "\n".join((*self.scripts, *self.sources))


def read_page(content_type: str, body: bytes) -> Seen:
    """What is in the page; not HTML where the type says otherwise."""
    if "html" not in content_type.lower():
        return Seen(is_html=False)
    reader = _Reader()
    reader.feed(body.decode("utf-8", "replace"))
    return Seen(
        is_html=True,
        meta_policies=tuple(reader.policies),
        scripts=tuple(reader.scripts),
        sources=tuple(reader.sources),
    )


def find_on_page(seen: Seen, known: Sequence[KnownSource]) -> tuple[KnownSource, ...]:
    """The owner's sources that the page names, by write key or alias."""
    text = seen.text
    return tuple(one for one in known if one.write_key in text or one.alias_path in text)


def judge_snippet(seen: Seen, known: Sequence[KnownSource]) -> tuple[Found, ...]:
    """Which snippets are on the page, from which host, and whether twice."""
    found = [_judge_source(seen, one) for one in find_on_page(seen, known)]
    keys = {one.write_key for one in known}
    strangers = sorted({*_LOADS.findall(seen.text), *_CALL.findall(seen.text)} - keys - {""})
    found += [
        Found(
            verdict=Verdict.WARN,
            code="source-unknown",
            sentence=f"The page loads the write key {key[:4]}…, which no source here has.",
            fix="Add a source with this write key, or change the snippet to one of yours.",
        )
        for key in strangers[:3]
    ]
    if not found:
        found.append(
            Found(
                verdict=Verdict.WARN,
                code="snippet-missing",
                sentence="The HTML of the page has no snippet of a source here. A tag manager may "
                "add it later: that is not seen without running the page.",
                fix="Paste the snippet into the page's head: firstparty sources snippet ID.",
            )
        )
    return tuple(found)


def _judge_source(seen: Seen, source: KnownSource) -> Found:
    text = seen.text
    loads = len([script for script in seen.scripts if _names(script, source)])
    if source.cdn_host not in text:
        default = next((host for host in _DEFAULT_HOSTS if host in text), "another host")
        return Found(
            verdict=Verdict.WARN,
            code="snippet-old",
            sentence=f"The page has the snippet of {source.name}, loaded from {default} and not "
            f"from {source.cdn_host}.",
            fix=f"Replace {default} in the snippet by {source.cdn_host}, or paste the new one.",
        )
    if loads > 1:
        return Found(
            verdict=Verdict.WARN,
            code="snippet-twice",
            sentence=f"The page has the snippet of {source.name} {loads} times: every page view "
            "is counted that often.",
            fix="Leave one of them.",
        )
    return Found(
        verdict=Verdict.PASS,
        sentence=f"The page has the snippet of {source.name}, loaded from {source.cdn_host}.",
    )


def _names(script: str, source: KnownSource) -> bool:
    return source.write_key in script or source.alias_path in script


class _Reader(HTMLParser):
    """Collects inline scripts, addresses of scripts and policies in meta elements."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.policies: list[str] = []
        self.scripts: list[str] = []
        self.sources: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a script or a policy."""
        values = {name: value or "" for name, value in attrs}
        if tag == "script":
            self._inside = "src" not in values
            self.sources += [values["src"]] if "src" in values else []
            self.scripts += [""] if self._inside else []
        elif tag == "meta" and values.get("http-equiv", "").lower() == "content-security-policy":
            self.policies.append(values.get("content", ""))

    def handle_endtag(self, tag: str) -> None:
        """Note the end of a script."""
        if tag == "script":
            self._inside = False

    def handle_data(self, data: str) -> None:
        """Keep what is inside of a script."""
        if self._inside:
            self.scripts[-1] += data
