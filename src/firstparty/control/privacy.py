"""Privacy rules as an owner gives them: checked, or refused with the field."""

import re
from dataclasses import replace
from typing import Final

from firstparty.errors import Refused
from firstparty.model.privacy import PrivacyRules

MAX_FIELDS: Final = 100
MAX_PATH: Final = 200
MAX_DEPTH: Final = 16
MAX_CATEGORIES: Final = 50
# Without these a message cannot be delivered, told from another, or put in its place in time.
_NEEDED: Final = frozenset({"type", "messageId", "writeKey", "timestamp", "sentAt", "batch"})
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")


def check_privacy(rules: PrivacyRules) -> PrivacyRules:
    """The rules without doublets and blanks around names; raises Refused."""
    fields = _tidy(rules.drop_fields, field="privacy.drop_fields", most=MAX_FIELDS)
    for path in fields:
        parts = path.split(".")
        if not all(parts) or len(parts) > MAX_DEPTH:
            raise Refused(
                "privacy-path-invalid",
                f"{path!r} is no path: write names with single dots between them, such as "
                f"properties.email, at most {MAX_DEPTH} deep.",
                field="privacy.drop_fields",
            )
        if path in _NEEDED:
            raise Refused(
                "privacy-field-needed",
                f"{path} cannot be dropped: no message can be delivered without it. Take it out "
                "of the list.",
                field="privacy.drop_fields",
            )
    consent = _tidy(rules.consent, field="privacy.consent", most=MAX_CATEGORIES)
    return replace(rules, drop_fields=fields, consent=consent)


def _tidy(names: tuple[str, ...], *, field: str, most: int) -> tuple[str, ...]:
    tidy = tuple(dict.fromkeys(name.strip() for name in names))
    if len(tidy) > most:
        raise Refused(
            "privacy-too-many", f"{len(tidy)} are too many: {most} is the most.", field=field
        )
    for name in tidy:
        if not name or len(name) > MAX_PATH or _CONTROLS.search(name):
            raise Refused(
                "privacy-name-invalid",
                f"A name has 1 to {MAX_PATH} characters, and none that terminals obey.",
                field=field,
            )
    return tidy
