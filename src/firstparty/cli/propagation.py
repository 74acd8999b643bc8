"""``firstparty domains propagation``."""

from firstparty.cli.client import Client
from firstparty.cli.domain_find import find_domain
from firstparty.cli.options import AsJson, InWorkspace, Which
from firstparty.cli.output import print_json, print_table


def propagation(
    which: Which,
    *,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """What public resolvers have of the records now, and for how long."""
    client = Client.of_environment()
    domain = find_domain(client, which, workspace)
    found = client.get("domains", domain["id"], "propagation")
    if as_json:
        print_json(found)
        return
    print_table(
        ("RESOLVER", "NAME", "TYPE", "HAS", "FOR", "VALUES"),
        (
            (
                one["resolver"],
                one["name"],
                one["type"],
                one["trouble"] or one["spread"],
                "" if one["ttl"] is None else f"{one['ttl']} s",
                ", ".join(one["values"]),
            )
            for one in found
        ),
        empty="There is nothing to ask for.",
    )
