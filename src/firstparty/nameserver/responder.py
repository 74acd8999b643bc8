"""From a query's bytes and where it came from to the answer's; never raises, whatever the bytes.

The common query over UDP finds its answer with two look-ups; all else goes by ``lookup.py``.
"""

import time
from collections.abc import Iterable
from typing import Final, Protocol

from firstparty.nameserver.answers import Answers, CompiledZone, Tail
from firstparty.nameserver.cookies import Cookies
from firstparty.nameserver.forms import (
    FORMS,
    KEY_END,
    ONE_QUESTION,
    ONE_QUESTION_AND_OPT,
    Form,
)
from firstparty.nameserver.limits import SEND, RateLimiter, Verdict
from firstparty.nameserver.lookup import (
    ZONE_TRANSFERS,
    Reply,
    build_answer,
    build_bad_cookie,
    build_truncated,
    look_up,
)
from firstparty.zones.names import is_well_formed

_NAME: Final = 12  # where the question begins
# Type, class ANY and TTL of a TSIG record (RFC 8945 §4.2): where this is not, there is none.
_TSIG: Final = b"\x00\xfa\x00\xff\x00\x00\x00\x00"


class AnswerSigned(Protocol):
    """Answers messages that are signed with a key of secondaries."""

    def __call__(self, wire: bytes, address: bytes, *, is_udp: bool) -> Iterable[bytes]:
        """The messages that answer ``wire``; over UDP there is one."""


def has_tsig(wire: bytes) -> bool:
    """Whether a message looks as if it were signed; quick, and may be wrong."""
    return _TSIG in wire


class Responder:
    """Answers queries from ``answers``. ``now`` is Unix time in whole seconds, kept by ``tick``.

    A client with a valid cookie, or over TCP, has shown where it is: it has no rate limit. Without
    ``answer_signed`` there are no secondaries, and messages they would sign are like all others.
    """

    def __init__(self, answers: Answers, *, cookies: Cookies, limiter: RateLimiter) -> None:
        self.answers = answers
        self._index = answers.index
        self._cookies = cookies
        self._count = limiter.check
        self.answer_signed: AnswerSigned | None = None
        self.rcodes = [0] * 16  # answers by their code, over UDP and TCP
        self.unanswered = 0
        self.now = 0
        self.tick()

    def tick(self) -> None:
        """Look at the clock: MUST be called before the queries that arrive together."""
        self.now = int(time.time())

    def answer_udp(self, query: bytes, address: bytes) -> bytes | None:
        """The answer to a datagram from ``address`` (4 or 16 octets); None: there is none."""
        end = query.find(0, _NAME) + 1
        form = FORMS.get(query[2:_NAME] + query[end + 2 : end + 2 + KEY_END])
        if form is None:
            return self._answer_by_rules(query, address)
        flags, _, _, limit, opt, cookie_octets, is_signed = form
        # A zero byte inside a label ends the name too early; what is left is then no name of ours.
        # Lower-casing the length bytes does no harm: at most 63, they are below "A".
        name = query[_NAME:end].lower()
        entry = self._index.get(name)
        qtype = query[end : end + 2]
        if entry is not None and qtype in entry[0]:
            tail = entry[2][qtype] if is_signed else entry[0][qtype]
        else:
            found = None if qtype in ZONE_TRANSFERS else self._find(name, form)
            if found is None:
                return self._answer_by_rules(query, address)
            flags, tail, name = found
        if cookie_octets:
            cookie = query[end + 2 + KEY_END :]
            if len(cookie) != cookie_octets:
                return self._answer_by_rules(query, address)
            is_known, cookie = self._cookies.check(cookie, address, self.now)
            opt += cookie
        else:
            is_known = False
        if not is_known and (verdict := self._count(address, name, self.now)) is not SEND:
            return self._limited(query, address, verdict)
        # Counts without an OPT behind the records, or with one.
        counts = tail[1] if opt else tail[0]
        answer = query[:2] + flags + counts + query[_NAME : end + 4] + tail[2] + opt
        return answer if len(answer) <= limit else _cut_short(query, end, form, opt)

    def answer_tcp(self, query: bytes, address: bytes) -> Iterable[bytes]:
        """The messages that answer one over TCP."""
        if self.answer_signed is not None and has_tsig(query):
            return self.answer_signed(query, address, is_udp=False)
        answer = self.answer_plainly(query, address)
        if answer is None:
            self.unanswered += 1
            return ()
        self.rcodes[answer[3] & 15] += 1
        return (answer,)

    def answer_plainly(self, query: bytes, address: bytes) -> bytes | None:
        """The answer to a message as it is over TCP; None: there is none."""
        reply = look_up(self.answers, query)
        if reply is None:
            return None
        _, cookie = self._check_cookie(reply, address)
        return build_answer(query, reply, cookie=cookie, is_udp=False)

    def _find(self, name: bytes, form: Form) -> tuple[bytes, Tail, bytes] | None:
        """Flags and tail for a name that is not in the index, or a type that is not at the name.

        And what the answer is counted by. None: it must be read by the rules.
        """
        entry = self._index.get(name)
        if entry is not None:
            return form.flags, entry.signed_nodata if form.is_signed else entry.nodata, name
        found = self.answers.find(name) if is_well_formed(name) else None
        if isinstance(found, CompiledZone):
            tail = found.build_nxdomain(name, is_signed=form.is_signed)
            return form.flags_nxdomain, tail, found.apex
        return None

    def _answer_by_rules(self, query: bytes, address: bytes) -> bytes | None:
        """The same answer over UDP, by reading the message as the RFCs say."""
        if self.answer_signed is not None and has_tsig(query):
            return next(iter(self.answer_signed(query, address, is_udp=True)), None)
        reply = look_up(self.answers, query)
        if reply is None:
            return None
        is_known, cookie = self._check_cookie(reply, address)
        if not is_known:
            verdict = self._count(address, reply.about, self.now)
            if verdict is not SEND:
                return self._limited(query, address, verdict)
        return build_answer(query, reply, cookie=cookie, is_udp=True)

    def _limited(self, query: bytes, address: bytes, verdict: Verdict) -> bytes | None:
        reply = None if verdict is Verdict.DROP else look_up(self.answers, query)
        if reply is None:
            return None
        _, cookie = self._check_cookie(reply, address)
        if cookie:
            return build_bad_cookie(query, reply, cookie=cookie)
        return build_truncated(query, reply, cookie=b"")

    def _check_cookie(self, reply: Reply, address: bytes) -> tuple[bool, bytes]:
        """Whether the client is known by its cookie; and the one to answer with, if it has any."""
        if reply.edns is None or reply.edns.cookie is None:
            return False, b""
        return self._cookies.check(reply.edns.cookie, address, self.now)


def _cut_short(query: bytes, end: int, form: Form, opt: bytes) -> bytes:
    """Without records: come back over TCP."""
    counts = ONE_QUESTION_AND_OPT if opt else ONE_QUESTION
    return query[:2] + form.flags_truncated + counts + query[_NAME : end + 4] + opt
