"""What a visit says of each source: its snippet, its script, settings and messages. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from firstparty.sitecheck.observed import Exchange, Script, Visit
from firstparty.sitecheck.remarks import Remark, SiteSource, Weight, good

_STANDARD: Final = re.compile(
    r"/analytics\.js/v1/([^/]{1,128})/(?:platform/)?analytics(?:\.min)?\.js"
)
_SETTINGS: Final = re.compile(r"/v1/projects/([^/]{1,128})/settings")
_VERSION: Final = re.compile(r"SNIPPET_VERSION\s*=\s*[\"'](\d{1,3}(?:\.\d{1,3}){0,2})[\"']")
_LOADS: Final = re.compile(r"\.load\(\s*[\"']([A-Za-z0-9]{1,128})[\"']")
_OLD: Final = 5  # major versions of the snippet before this one
_FAILED: Final = 400  # RFC 9110 §15.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """All of a visit that concerns one source."""

    source: SiteSource
    copies: tuple[Script, ...]  # inline scripts that load it
    scripts: tuple[Exchange, ...]
    settings: tuple[Exchange, ...]
    messages: tuple[Exchange, ...]
    libraries: tuple[str, ...]
    global_names: tuple[str, ...]

    @property
    def is_there(self) -> bool:
        """Whether the page has anything of it."""
        return bool(self.copies or self.scripts or self.settings or self.messages)


def find_use(visit: Visit, source: SiteSource) -> Use:
    """What the page has of a source: by its write key, or by its alias on its own host."""
    aliases = {f"/{source.alias_path}.min.js", f"/{source.alias_path}.js"}
    asked = [one for one in visit.exchanges if one.method == "GET"]
    scripts = tuple(
        one
        for one in asked
        if _names(_STANDARD, one.path, source)
        or (one.path in aliases and one.host == source.cdn_host)
    )
    messages = tuple(
        one for one in visit.exchanges if one.batch and one.batch.write_key == source.write_key
    )
    paths = {one.path for one in scripts}
    return Use(
        source=source,
        copies=tuple(
            one
            for one in visit.document.scripts
            if source.write_key in one.text or source.alias_path in one.text
        ),
        scripts=scripts,
        settings=tuple(one for one in asked if _names(_SETTINGS, one.path, source)),
        messages=messages,
        libraries=_each(one.batch.library for one in messages if one.batch),
        global_names=_each(
            one.global_name
            for one in visit.document.scripts
            if one.global_name and any(path in one.src for path in paths)
        ),
    )


def judge_use(use: Use) -> Iterator[Remark]:
    """What is to say of a source that is on the page."""
    yield _describe(use)
    yield from _judge_script(use)
    yield from _judge_copies(use)
    yield from _judge_settings(use)
    strange = [one for one in use.messages if one.host not in use.source.hosts]
    if strange:
        yield Remark(
            weight=Weight.ODD,
            code="events-elsewhere",
            sentence=f"Messages of {use.source.name} go to {_hosts(strange)}, not to "
            f"{use.source.api_host}.",
            evidence=_say(strange),
            fix="Take the API host out of the page's own code, or name the right one:",
            lines=(f'integrations: {{ "Segment.io": {{ apiHost: "{use.source.api_host}/v1" }} }}',),
        )


def judge_strangers(visit: Visit, sources: Sequence[SiteSource]) -> Iterator[Remark]:
    """Write keys on the page that no source here has, and a page without any snippet."""
    known = {one.write_key for one in sources}
    seen = {found[1] for one in visit.exchanges if (found := _STANDARD.fullmatch(one.path))}
    seen |= {one.batch.write_key for one in visit.exchanges if one.batch}
    for script in visit.document.scripts:
        if _VERSION.search(script.text):
            seen |= set(_LOADS.findall(script.text))
    for key in sorted(seen - known - {""})[:3]:
        yield Remark(
            weight=Weight.ODD,
            code="source-unknown",
            sentence=f"The page uses the write key {key[:4]}…, which no source here has.",
            fix="Add a source with this write key, or change the snippet to one of yours.",
        )


def _describe(use: Use) -> Remark:
    source = use.source
    library = f", Analytics.js {use.libraries[0]}" if use.libraries else ""
    if not use.scripts and any(one.startswith("npm:") for one in use.libraries):
        return good(
            "snippet-npm", f"{source.name} is on the page from its own bundle (npm){library}."
        )
    versions = _each(found[1] for one in use.copies if (found := _VERSION.search(one.text)))
    path = "the alias" if any(not _STANDARD.fullmatch(one.path) for one in use.scripts) else ""
    renamed = [name for name in use.global_names if name != "analytics"]
    parts = [
        f"snippet {' and '.join(versions)}" if versions else "",
        path or ("the standard path" if use.scripts else ""),
        f"the global renamed to {', '.join(renamed)}" if renamed else "",
    ]
    told = "; ".join(part for part in parts if part)
    return good(
        "snippet-found",
        f"{source.name} is on the page" + (f": {told}" if told else "") + library + ".",
        evidence=_say(use.scripts),
    )


def _judge_script(use: Use) -> Iterator[Remark]:
    source = use.source
    strange = [one for one in use.scripts if one.host != source.cdn_host]
    if strange:
        old = f"https://{strange[0].host}{strange[0].path}"
        yield Remark(
            weight=Weight.ODD,
            code="snippet-old-host",
            sentence=f"The script of {source.name} is loaded from {_hosts(strange)}, not from "
            f"{source.cdn_host}.",
            evidence=_say(strange),
            fix="In the snippet, change the script's address; or paste it anew (firstparty sources "
            f"snippet {source.id}).",
            lines=(f"- {old}", f"+ {source.script_url}"),
        )
    failed = [one for one in use.scripts if one.failure or one.status >= _FAILED]
    if failed:
        yield Remark(
            weight=Weight.BAD,
            code="script-failed",
            sentence=f"The script of {source.name} does not load: nothing is sent.",
            evidence=_say(failed),
            fix=f"Look at the checks of the domain: firstparty doctor {source.cdn_host}.",
        )


def _judge_copies(use: Use) -> Iterator[Remark]:
    source = use.source
    number = max(len(use.copies), len(use.scripts))
    if number > 1:
        yield Remark(
            weight=Weight.ODD,
            code="snippet-twice",
            sentence=f"The page has {source.name} {number} times: page views may be counted that "
            "often.",
            evidence=_say(use.scripts),
            fix="Leave one of them; look into the tag manager too.",
        )
    for copy in use.copies:
        found = _VERSION.search(copy.text)
        if found and int(found[1].partition(".")[0]) < _OLD:
            yield Remark(
                weight=Weight.ODD,
                code="snippet-old-version",
                sentence=f"The snippet of {source.name} is of version {found[1]}: calls made "
                "before the library is there are told with the address that the page has then.",
                fix=f"Paste the new one: firstparty sources snippet {source.id}.",
            )
            return


def _judge_settings(use: Use) -> Iterator[Remark]:
    source = use.source
    strange = [one for one in use.settings if one.host not in source.hosts]
    if strange:
        yield Remark(
            weight=Weight.ODD,
            code="settings-elsewhere",
            sentence=f"The settings of {source.name} are read from {_hosts(strange)}, not from "
            f"{source.cdn_host}.",
            evidence=_say(strange),
            fix="Name the CDN host where the library is loaded:",
            lines=(f'cdnURL: "https://{source.cdn_host}"',),
        )
    failed = [one for one in use.settings if one.failure or one.status >= _FAILED]
    if failed:
        yield Remark(
            weight=Weight.BAD,
            code="settings-failed",
            sentence=f"The settings of {source.name} cannot be read: nothing is sent.",
            evidence=_say(failed),
            fix=f"Look at the checks of the domain: firstparty doctor {source.cdn_host}.",
        )


def _names(pattern: re.Pattern[str], path: str, source: SiteSource) -> bool:
    found = pattern.search(path)
    return found is not None and found[1] == source.write_key


def _each(texts: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def _hosts(exchanges: Sequence[Exchange]) -> str:
    return " and ".join(_each(one.host for one in exchanges))


def _say(exchanges: Sequence[Exchange]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(describe(one) for one in exchanges))[:5]


def describe(one: Exchange) -> str:
    """A request on one line, without its query."""
    became = one.failure or ("answered here" if one.is_local else str(one.status))
    return f"{one.method} {one.scheme}://{one.host}{one.path}: {became}"
