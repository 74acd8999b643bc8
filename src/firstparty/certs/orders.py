"""What an ACME order says: its challenges, or why it is over."""

from collections.abc import Sequence

from acme import challenges, messages
from josepy.jwk import JWK

from firstparty.certs.problems import describe, name_problem
from firstparty.certs.progress import Challenged, OrderProgress, Rejected
from firstparty.certs.session import Session
from firstparty.model.certificates import Challenge, ChallengeMethod, DnsChallenge, HttpChallenge


def refuse_profile(wanted: str, offered: Sequence[str]) -> Rejected:
    """draft-aaron-acme-profiles §4: a client must not send one that is not offered."""
    there = f"offers {', '.join(offered)}" if offered else "offers none"
    return Rejected(
        problem="invalidProfile", detail=f"The profile {wanted!r} is set, and the CA {there}."
    )


def read_new_order(
    url: str,
    order: messages.Order,
    authorizations: Sequence[messages.Authorization],
    *,
    names: Sequence[str],
    method: ChallengeMethod,
    session: Session,
) -> OrderProgress:
    """The challenges of a new order; an order or authorization may be an earlier one, reused."""
    if order.status == messages.STATUS_INVALID:
        return read_invalid_order(order, session)
    wanted = []
    for authorization in authorizations:
        if authorization.status == messages.STATUS_VALID:
            continue
        host = authorization.identifier.value
        body = find_challenge(authorization, method)
        if host not in names or body is None:
            return Rejected(
                problem="noChallenge", detail=f"The CA offers no {method} challenge for {host}."
            )
        wanted.append(_read_challenge(host, body.chall, session.account.key))
    return Challenged(url=url, challenges=tuple(wanted))


def read_invalid_order(order: messages.Order, session: Session) -> Rejected:
    """Why an order is invalid: its own error, or the first of its challenges'."""
    if order.error is not None:
        return Rejected(problem=name_problem(order.error), detail=describe(order.error))
    for authorization in session.fetch_authorizations(order):
        for body in authorization.challenges or ():
            if body.error is not None:
                host = authorization.identifier.value
                return Rejected(
                    problem=name_problem(body.error), detail=f"{host}: {describe(body.error)}"
                )
    return Rejected(problem="orderInvalid", detail="The CA does not say why.")


def find_challenge(
    authorization: messages.Authorization, method: ChallengeMethod
) -> messages.ChallengeBody | None:
    """The challenge of this method, if the CA offers it."""
    for body in authorization.challenges or ():
        if body.chall.typ == method:
            return body
    return None


def _read_challenge(host: str, found: challenges.KeyAuthorizationChallenge, key: JWK) -> Challenge:
    value = found.validation(key)
    if isinstance(found, challenges.HTTP01):
        return HttpChallenge(host=host, token=found.encode("token"), key_authorization=value)
    return DnsChallenge(host=host, value=value)


def is_in(
    authorization: messages.Authorization, body: messages.ChallengeBody, status: messages.Status
) -> bool:
    """Whether the authorization and this challenge of it are both in this state."""
    return authorization.status == status and body.status == status
