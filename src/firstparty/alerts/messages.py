"""What is told: the body that programs read, and its text for people. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from firstparty.model.status import Word
from firstparty.store.news import Change

_SENTENCES: Final = {
    Word.LIVE: "is live",
    Word.WARNING: "is live, and needs attention",
    Word.FAILING: "is failing",
    Word.PAUSED: "is paused",
    Word.REMOVED: "is removed",
}


def build_change_body(change: Change, sentences: Sequence[str]) -> dict[str, Any]:
    """The data of a change; ``sentences`` are those of its findings now, for people."""
    told = _SENTENCES.get(change.word, f"is {change.word}")
    if change.is_same_word:
        told = f"is {change.word} as before, and has something new to see to"
    back = " again" if change.word is Word.LIVE and _was_wrong(change) else ""
    return {
        "text": " ".join((f"{change.name} {told}{back}.", *sentences)),
        "domain": {"id": change.domain_id, "name": change.name},
        "workspace_id": change.workspace_id,
        "status": change.word,
        "before": change.before,
        "findings": list(change.codes),
        "new_findings": list(change.new_codes),
        "at": change.at.isoformat(),
    }


def _was_wrong(change: Change) -> bool:
    return change.before in {Word.FAILING, Word.WARNING}


def build_digest_body(
    *,
    certificates: Sequence[tuple[str, datetime]],
    tokens: Sequence[tuple[str, datetime]],
) -> dict[str, Any] | None:
    """The data of a digest of what ends soon; None if nothing does."""
    if not certificates and not tokens:
        return None
    lines = [
        *(f"The certificate of {name} ends on {at:%Y-%m-%d}." for name, at in certificates),
        *(f"The API token {name} ends on {at:%Y-%m-%d}." for name, at in tokens),
    ]
    return {
        "text": "Soon to end:\n" + "\n".join(lines),
        "certificates": [{"domain": name, "at": at.isoformat()} for name, at in certificates],
        "tokens": [{"name": name, "at": at.isoformat()} for name, at in tokens],
    }


def subject_of(body: dict[str, Any]) -> str:
    """The first line of the text, short enough for a mail's subject."""
    return str(body["text"]).partition("\n")[0][:120]
