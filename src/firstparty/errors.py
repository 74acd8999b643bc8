"""The exceptions that somebody handles by type; everything else is a bug and stays a builtin.

Exception
└── FirstpartyError
    ├── Refused          the caller must change something
    │   ├── NotFound     … because what they name is not there, or not theirs
    │   ├── Forbidden    … because their role does not allow it
    │   ├── Conflict     … because it clashes with what is there
    │   └── Outdated     … because it is for a state that is past
    └── Unavailable      try again, after a while
        └── TooMany      … because the caller asked too often
"""

from datetime import timedelta


class FirstpartyError(Exception):
    """Anything a rim of the product turns into an answer for a person."""


class Refused(FirstpartyError):
    """The request breaks a rule, and the same request will break it again.

    ``code`` is stable and machine-readable; ``sentence`` says which rule and what to do.
    ``field`` names the part of the request that is wrong, where one part is.
    """

    def __init__(self, code: str, sentence: str, *, field: str | None = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.field = field


class NotFound(Refused):
    """What the caller names does not exist, or belongs to somebody else: the same answer."""

    def __init__(self, kind: str, identifier: str) -> None:
        super().__init__("not-found", f"There is no {kind} {identifier!r} here.")


class Forbidden(Refused):
    """The caller is known, and their role does not allow this."""


class Conflict(Refused):
    """The request clashes with something that is there already."""


class Outdated(Refused):
    """The request was made for a state of the thing that is past."""


class Unavailable(FirstpartyError):
    """Something needed is out of reach at the moment; the same request may succeed later."""

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooMany(Unavailable):
    """The caller asked too often; ``code`` is stable, as in Refused."""

    def __init__(self, code: str, sentence: str, *, retry_after: timedelta) -> None:
        super().__init__(sentence, retry_after=retry_after)
        self.code = code
        self.sentence = sentence
