"""A site's policies against a source's needs: what they block, and what to add to each."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from firstparty.csp.evaluate import Kind, find_blocking_directive
from firstparty.csp.expressions import read_nonces
from firstparty.csp.needs import Need
from firstparty.csp.policy import Delivery, Policy

# What no source expression can lift.
_OBSTACLES: Final = MappingProxyType(
    {
        "sandbox": "The policy sandboxes the page without scripts: add allow-scripts to sandbox.",
        "require-trusted-types-for": "The policy requires trusted types, and the snippet sets a "
        "script's address as text: give the page a default trusted types policy that allows it.",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the policies together say to one need.

    ``blocked_by`` are the directives of enforced policies, ``reported_by`` those of report-only
    ones, which block nothing.
    """

    need: Need
    blocked_by: tuple[str, ...]
    reported_by: tuple[str, ...]

    @property
    def is_allowed(self) -> bool:
        """Whether it happens."""
        return not self.blocked_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A policy and what it lacks.

    ``added`` has the new expressions by directive; ``changed`` is the whole policy with them;
    ``obstacles`` are sentences on what an owner must change otherwise.
    """

    policy: Policy
    changed: Policy
    added: Mapping[str, tuple[str, ...]]
    obstacles: tuple[str, ...]


def check_policies(
    policies: Iterable[Policy], needs: Iterable[Need], *, page: str, has_nonce: bool = False
) -> tuple[Verdict, ...]:
    """What the policies of the page at ``page`` say to each need.

    ``has_nonce``: the snippet's script element bears the nonce that the policy has.
    """
    policies = tuple(policies)
    verdicts: list[Verdict] = []
    for need in needs:
        said = [
            (policy.delivery, _find_block(policy, need, page, has_nonce=has_nonce))
            for policy in policies
        ]
        verdicts.append(
            Verdict(
                need=need,
                blocked_by=tuple(
                    name for how, name in said if name and how is not Delivery.REPORT_ONLY
                ),
                reported_by=tuple(
                    name for how, name in said if name and how is Delivery.REPORT_ONLY
                ),
            )
        )
    return tuple(verdicts)


def build_change(
    policy: Policy, needs: Iterable[Need], *, page: str, has_nonce: bool = False
) -> Change:
    """The least that has to be added to this policy, so that it allows every need."""
    needs = tuple(needs)
    liftable = {name: said for name, said in policy.directives.items() if name not in _OBSTACLES}
    added: dict[str, tuple[str, ...]] = {}
    for need in needs:
        now = replace(policy, directives=liftable)
        blocking = _find_block(now, need, page, has_nonce=has_nonce)
        if not blocking:
            continue
        # A directive of its own takes over from default-src, so it repeats what that allowed.
        name = need.directive if blocking == "default-src" else blocking
        kept = (one for one in liftable[blocking] if one.lower() != "'none'")
        liftable[name] = (*kept, need.expression)
        added[name] = (*added.get(name, ()), need.expression)
    return Change(
        policy=policy,
        changed=replace(policy, directives=MappingProxyType({**policy.directives, **liftable})),
        added=MappingProxyType(added),
        obstacles=tuple(_list_obstacles(policy, needs, page)),
    )


def _list_obstacles(policy: Policy, needs: Iterable[Need], page: str) -> Iterator[str]:
    for name, sentence in _OBSTACLES.items():
        said = {name: policy.directives[name]} if name in policy.directives else {}
        alone = replace(policy, directives=said)
        if any(_find_block(alone, need, page, has_nonce=False) for need in needs):
            yield sentence


def _find_block(policy: Policy, need: Need, page: str, *, has_nonce: bool) -> str:
    attempt = need.attempt
    # The element that the snippet puts into the page for the script bears none.
    if has_nonce and attempt.kind is Kind.INLINE:
        nonces = {one for said in policy.directives.values() for one in read_nonces(said)}
        attempt = replace(attempt, nonce=min(nonces, default=""))
    return find_blocking_directive(policy, attempt, page=page)
