"""A source's settings JSON as its owner pastes or exports it: parsed, or refused with the place."""

import json
from collections.abc import Iterable
from typing import Any, Final, Never

import msgspec

from firstparty.errors import Refused

MAX_SETTINGS_BYTES: Final = 256 * 1024
MAX_SETTINGS_DEPTH: Final = 50


def parse_settings(settings: object) -> dict[str, Any]:
    """The settings, given as an object or as its text; raises Refused.

    A text that is not JSON is refused with line, column and reason.
    """
    if isinstance(settings, str):
        settings = _parse_text(settings)
    if not isinstance(settings, dict):
        _refuse(
            "settings-not-object",
            f"The settings are one JSON object, {{…}}, and not {_name(settings)}.",
        )
    if not _is_shallow(settings, MAX_SETTINGS_DEPTH):
        _refuse_deep()
    try:
        json.dumps(settings, allow_nan=False)
        size = len(msgspec.json.encode(settings))  # as the feed writes them: no 65-bit integers
    except (ValueError, OverflowError, TypeError) as error:
        _refuse("settings-not-json", f"The settings have a value that is not plain JSON: {error}.")
    if size > MAX_SETTINGS_BYTES:
        _refuse_long(size)
    return settings


def _parse_text(text: str) -> object:
    if len(text) > MAX_SETTINGS_BYTES:
        _refuse_long(len(text))
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        _refuse(
            "settings-not-json",
            f"The settings are not JSON: line {error.lineno}, column {error.colno}: {error.msg}.",
        )
    except RecursionError:
        _refuse_deep()
    except ValueError as error:  # Python's limit for the digits of a number
        _refuse("settings-not-json", f"The settings have a number that is too long: {error}.")


def _name(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case list():
            return "an array"
        case str():
            return "a string"
        case _:
            return "a number"


def _refuse_deep() -> Never:
    _refuse("settings-too-deep", f"The settings nest deeper than {MAX_SETTINGS_DEPTH} levels.")


def _refuse_long(size: int) -> Never:
    _refuse(
        "settings-too-large",
        f"The settings have {size:,} bytes; {MAX_SETTINGS_BYTES:,} is the most.",
    )


def _refuse(code: str, sentence: str) -> Never:
    raise Refused(
        code, f"{sentence} Export them again from the source's settings.", field="settings"
    )


def _is_shallow(value: Any, levels: int) -> bool:
    children: Iterable[Any]
    match value:
        case dict():
            children = value.values()
        case list():
            children = value
        case _:
            return True
    return levels > 0 and all(_is_shallow(child, levels - 1) for child in children)
