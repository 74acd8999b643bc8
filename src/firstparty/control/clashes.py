"""What a new domain clashes with: names that are taken, sources that are.

The answer never depends on another workspace's claim that is not proved: two pending claims of one
name cannot see each other, and the parent zone decides between them.
"""

from sqlalchemy import Connection

from firstparty.errors import Conflict, NotFound, Refused
from firstparty.model.domains import Domain
from firstparty.model.names import is_at_or_below
from firstparty.model.workspaces import SourceType
from firstparty.store.domains import list_clashing_domains, load_domains_of_sources
from firstparty.store.workspaces import load_sources


def refuse_name_clash(connection: Connection, domain: Domain) -> None:
    """Raise Conflict for a name that this workspace has, or that another one has proved."""
    labels = domain.name.split(".")
    ancestors = [".".join(labels[start:]) for start in range(1, len(labels))]
    clashing = list_clashing_domains(connection, domain.workspace_id, domain.name, ancestors)
    for other in clashing:
        raise _clash(domain, other)


def _clash(domain: Domain, other: Domain) -> Conflict:
    if other.workspace_id != domain.workspace_id:
        return Conflict(
            "name-taken",
            f"{domain.name} is, or lies above or below, a name that another workspace has proved "
            "by its DNS records: choose another name, or have the other domain removed first.",
            field="name",
        )
    if other.name == domain.name:
        return Conflict(
            "domain-exists",
            f"{domain.name} is in this workspace already ({other.id}): use that one, "
            "or remove it first.",
            field="name",
        )
    where = "below" if is_at_or_below(domain.name, other.name) else "above"
    return Conflict(
        "domain-overlaps",
        f"{domain.name} lies {where} your domain {other.name}, and one delegation hides the other: "
        "choose a name beside it.",
        field="name",
    )


def refuse_sources(connection: Connection, domain: Domain) -> None:
    """Raise Refused, NotFound or Conflict for sources that this domain cannot have."""
    if not domain.source_ids:
        raise Refused(
            "sources-missing",
            "Name the sources that the domain serves, a javascript source first "
            "(better a staging one than production's to begin with).",
            field="source_ids",
        )
    found = {source.id: source for source in load_sources(connection, domain.source_ids)}
    for source_id in domain.source_ids:
        if source_id not in found or found[source_id].workspace_id != domain.workspace_id:
            raise NotFound("source", source_id)
    first = found[domain.source_ids[0]]
    if first.type is not SourceType.JAVASCRIPT:
        raise Refused(
            "first-source-not-javascript",
            f"The first source of a domain is a javascript source, and {first.name} is of type "
            f"{first.type}: put a javascript source first.",
            field="source_ids",
        )
    for source_id, other in load_domains_of_sources(connection, domain.source_ids).items():
        raise Conflict(
            "source-has-domain",
            f"{found[source_id].name} ({source_id}) is served by {other.name}, and a source has "
            "one domain at a time: choose another source, or remove that domain first.",
            field="source_ids",
        )
