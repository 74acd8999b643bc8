"""Who holds a name: decided inside the transaction that proves a claim, and nowhere else.

Names above and below belong to whoever proved them first, so nobody takes a branch out of, or the
tree around, another workspace's name. The *same* name is the parent zone's to give: it names the
nameservers of one claim only, so an earlier claim of that name is over. CNAMEs are of hosts, so two
claims of one name may both have theirs: then the earlier one keeps it.
"""

from datetime import datetime

from sqlalchemy import Connection

from firstparty.model.claims import Claim, ClaimState, move_claim
from firstparty.model.domains import Domain, Mode
from firstparty.model.feed import Topic
from firstparty.model.findings import Actor, Finding, Severity
from firstparty.store.domains import (
    list_proved_claims,
    list_proved_claims_below,
    load_domain,
    save_claim,
)
from firstparty.store.feed import publish
from firstparty.store.work import wake


def find_conflict(connection: Connection, domain: Domain) -> Finding | None:
    """Why this domain cannot be proved although the parent names it, if so."""
    labels = domain.name.split(".")
    above = [".".join(labels[start:]) for start in range(1, len(labels))]
    others = [
        claim.name
        for claim in (
            *list_proved_claims(connection, above),
            *list_proved_claims_below(connection, domain.name),
        )
        if _is_foreign(connection, claim, domain)
    ]
    others += [
        claim.name
        for claim in list_proved_claims(connection, [domain.name])
        if _is_foreign(connection, claim, domain) and _stand_side_by_side(connection, claim, domain)
    ]
    if not others:
        return None
    return Finding(
        code="name-conflict",
        sentence=f"Another workspace has proved {others[0]}, and a name is one workspace's with "
        "all that is above and below it: have that domain removed, or choose a name beside it.",
        acts=Actor.OWNER,
        severity=Severity.PENDING,
    )


def _is_foreign(connection: Connection, claim: Claim, domain: Domain) -> bool:
    other = load_domain(connection, claim.domain_id)
    return other is not None and other.workspace_id != domain.workspace_id


def _stand_side_by_side(connection: Connection, claim: Claim, domain: Domain) -> bool:
    """Whether the records of both claims can be in the owner's zone at the same time."""
    other = load_domain(connection, claim.domain_id)
    return (
        other is not None
        and other.mode is domain.mode is Mode.CNAME
        and set(other.hosts).isdisjoint(domain.hosts)
    )


def release_earlier_claims(connection: Connection, claim: Claim, *, now: datetime) -> None:
    """End other claims that hold the name of this newly proved one, and take them off the edge."""
    for earlier in list_proved_claims(connection, [claim.name]):
        if earlier.token != claim.token:
            save_claim(connection, move_claim(earlier, ClaimState.RELEASED), now=now)
            for topic in (Topic.ZONES, Topic.TARGETS, Topic.EDGE):
                publish(connection, topic, earlier.domain_id, None)
            wake(connection, earlier.domain_id, now=now)
