"""The result of one check: a word, a sentence, and the evidence."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What a check found."""

    PASS = "pass"  # noqa: S105  # a word of the command line
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"  # could not be looked at, or does not apply


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check's decision says. ``about`` names the request that shows it."""

    status: Status
    about: str
    cause: str | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a person, or a program, reads of one check; empty texts where there is nothing."""

    check: str
    title: str
    status: Status
    sentence: str
    cause: str | None
    fix: str
    request: str
    answer: str


def passed(about: str, sentence: str) -> Verdict:
    """All is well."""
    return Verdict(status=Status.PASS, about=about, sentence=sentence)


def failed(about: str, cause: str) -> Verdict:
    """Visitors or messages are lost."""
    return Verdict(status=Status.FAIL, about=about, cause=cause)


def warned(about: str, cause: str) -> Verdict:
    """It works, and should be changed."""
    return Verdict(status=Status.WARN, about=about, cause=cause)


def skipped(about: str, sentence: str) -> Verdict:
    """Nothing can be said."""
    return Verdict(status=Status.SKIP, about=about, sentence=sentence)
