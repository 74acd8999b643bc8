"""Does each path of the CDN side lead to the CDN: script, settings, bundles, destinations."""

from http import HTTPStatus
from typing import Final

from firstparty.proxies.bodies import GZIP_MAGIC, inflate, is_html, parse_object
from firstparty.proxies.context import Check, Context, explain, is_unknown
from firstparty.proxies.requests import find_destination
from firstparty.proxies.result import Verdict, failed, passed, skipped

_SCRIPT: Final = "cdn.script"
_SETTINGS: Final = "cdn.settings"
_BUNDLE: Final = "cdn.bundle"
_DESTINATION: Final = "cdn.destination"
_BY_WRITE_KEY: Final = frozenset({_SCRIPT, _SETTINGS})


def decide_script(context: Context) -> Verdict:
    """The script is a script, or the CDN's own refusal of a write key that is none."""
    return _decide_asset(context, _SCRIPT, default="script-not-proxied", page="html-as-script")


def decide_bundle(context: Context) -> Verdict:
    """The same of one of the script's chunks."""
    cause = "bundles-not-proxied"
    return _decide_asset(context, _BUNDLE, default=cause, page=cause)


def decide_settings(context: Context) -> Verdict:
    """The settings are a JSON object with integrations, whose apiHost can be used."""
    response = context.answer(_SETTINGS)
    if response.status != HTTPStatus.OK:
        return _decide_refused(context, _SETTINGS, default="settings-not-proxied")
    body = inflate(response)
    settings = parse_object(body)
    if settings is None and body.startswith(GZIP_MAGIC):
        return skipped(_SETTINGS, "The body cannot be read; see the encoding check.")
    integrations = (settings or {}).get("integrations")
    if not isinstance(integrations, dict):
        return failed(_SETTINGS, "settings-not-proxied")
    segment = integrations.get("Segment.io")
    api_host = segment.get("apiHost") if isinstance(segment, dict) else None
    if isinstance(api_host, str) and "://" in api_host:
        return failed(_SETTINGS, "api-host-scheme")
    return passed(_SETTINGS, "The settings come.")


def decide_destination(context: Context) -> Verdict:
    """A destination of these settings comes; without one, the path is at least not the site's."""
    cause = "next-integrations-not-proxied"
    settings = parse_object(inflate(context.answer(_SETTINGS)))
    if find_destination(settings) is not None:
        return _decide_asset(context, _DESTINATION, default=cause, page=cause)
    response = context.answer(_DESTINATION)
    if is_unknown(response):
        return passed(_DESTINATION, "The path leads to the CDN.")
    if response.status == HTTPStatus.OK or is_html(response):
        return failed(_DESTINATION, explain(context, _DESTINATION, default=cause))
    # What storage says of an object that is not there is not known: it proves nothing.
    return skipped(_DESTINATION, "This source has no destination in the browser to ask for.")


def _decide_asset(context: Context, name: str, *, default: str, page: str) -> Verdict:
    response = context.answer(name)
    if response.status != HTTPStatus.OK:
        return _decide_refused(context, name, default=default)
    if is_html(response):
        return failed(name, page)
    content_type = response.get("content-type").lower()
    if "javascript" not in content_type and "ecmascript" not in content_type:
        return failed(name, default)
    return passed(name, "It comes as a script.")


def _decide_refused(context: Context, name: str, *, default: str) -> Verdict:
    if name in _BY_WRITE_KEY and is_unknown(context.answer(name)):
        if context.target.write_key is not None:
            return failed(name, "write-key-unknown")
        return passed(name, "The path leads to the CDN; with a write key more can be seen.")
    return failed(name, explain(context, name, default=default))


CHECKS: Final = (
    Check(name="cdn.script", title="The script comes", needs=(_SCRIPT,), decide=decide_script),
    Check(
        name="cdn.settings",
        title="The settings come, with a usable apiHost",
        needs=(_SETTINGS,),
        decide=decide_settings,
    ),
    Check(
        name="cdn.bundles",
        title="The script's bundles come",
        needs=(_SCRIPT, _BUNDLE),
        decide=decide_bundle,
    ),
    Check(
        name="cdn.destinations",
        title="Destinations that run in the browser come",
        needs=(_SETTINGS, _DESTINATION),
        decide=decide_destination,
    ),
)
