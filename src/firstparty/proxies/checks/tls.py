"""Does each host take a connection, with a certificate that browsers accept."""

from datetime import timedelta
from typing import Final

from firstparty.outbound.http import Failure, Unreached
from firstparty.proxies.context import Check, Context
from firstparty.proxies.result import Verdict, failed, passed, skipped, warned
from firstparty.proxies.target import Side

_EXPIRES_SOON: Final = timedelta(days=14)
_LAST_PART: Final = 6  # of its lifetime: certificates of six days are in use, too
# X509_V_ERR_… of OpenSSL's x509_vfy.h.
_BY_CODE: Final = {
    10: "certificate-expired",
    18: "certificate-untrusted",  # self-signed
    19: "certificate-untrusted",  # self-signed in the chain
    20: "chain-incomplete",  # no issuer found locally
    21: "chain-incomplete",
    62: "certificate-wrong",  # host name
    64: "certificate-wrong",  # IP address
}


def build_checks(side: Side, first: str) -> tuple[Check, ...]:
    """The connection and certificate check of one side, seen by its request ``first``."""

    def decide(context: Context) -> Verdict:
        answer = context.seen[first]
        if isinstance(answer, Unreached):
            return _explain(answer, first)
        assert answer.valid_from is not None  # the first request of a side goes over TLS
        assert answer.expires_at is not None
        lifetime = answer.expires_at - answer.valid_from
        if answer.expires_at - context.now < min(_EXPIRES_SOON, lifetime / _LAST_PART):
            return warned(first, "certificate-expiring")
        return passed(first, f"The certificate is valid until {answer.expires_at:%Y-%m-%d}.")

    title = f"The {side.upper()} host's certificate is accepted, and does not expire soon"
    return (Check(name=f"{side}.tls", title=title, needs=(first,), decide=decide, may_fail=True),)


def _explain(answer: Unreached, about: str) -> Verdict:
    match answer.failure:
        case Failure.NO_SUCH_NAME | Failure.NOT_PUBLIC:
            return skipped(about, "There is no address to connect to; see the dns check.")
        case Failure.NO_CONNECTION | Failure.TIMEOUT | Failure.BROKEN:
            return failed(about, "unreachable")
        case Failure.TLS:
            default = "tls-failed" if answer.verify_code is None else "certificate-untrusted"
            return failed(about, _BY_CODE.get(answer.verify_code or 0, default))
