"""``firstparty domains certificates``, ``import-certificate`` and ``revoke-certificates``."""

from pathlib import Path
from typing import Annotated

import typer

from firstparty.cli.client import Client
from firstparty.cli.confirmation import confirm
from firstparty.cli.domain_find import find_domain
from firstparty.cli.errors import CommandFailed
from firstparty.cli.options import AsJson, InWorkspace, Which, Yes
from firstparty.cli.output import print_json, print_line, print_table


def certificates(which: Which, *, workspace: InWorkspace = None, as_json: AsJson = False) -> None:
    """Its certificates, and the orders that came to none, the newest first."""
    client = Client.of_environment()
    domain = find_domain(client, which, workspace)
    tries = client.get("domains", domain["id"], "certificates")["items"]
    if as_json:
        print_json(tries)
        return
    print_table(
        ("CHANGED", "AUTHORITY", "STATE", "VALID UNTIL", "SERIAL OR REASON"),
        (
            (
                one["changed_at"][:16].replace("T", " "),
                one["authority"],
                one["state"],
                (one["not_after"] or "")[:16].replace("T", " "),
                one["serial"] or one["reason"],
            )
            for one in tries
        ),
        empty="There is no certificate yet.",
    )


def import_certificate(
    which: Which,
    *,
    chain: Annotated[Path, typer.Option(metavar="FILE", help="PEM, the leaf first.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="PEM, without a passphrase.")],
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """Serve a certificate of your own; one by ACME takes over before it expires."""
    client = Client.of_environment()
    domain = find_domain(client, which, workspace)
    pair = {"chain": _read(chain), "private_key": _read(key)}
    imported = client.post("domains", domain["id"], "certificates", body=pair)
    if as_json:
        print_json(imported)
        return
    print_line(
        f"{domain['name']} is served with it until {imported['renews_at'][:10]}, when one by ACME "
        "takes over: bring the next one before."
    )


def revoke_certificates(
    which: Which,
    *,
    yes: Yes = False,
    workspace: InWorkspace = None,
    as_json: AsJson = False,
) -> None:
    """The private key is known to others: replace the certificate, then revoke those before."""
    client = Client.of_environment()
    domain = find_domain(client, which, workspace)
    confirm(f"The certificates of {domain['name']} are replaced and revoked. Do it?", yes=yes)
    tries = client.post("domains", domain["id"], "certificates", "revoke", body={})["items"]
    if as_json:
        print_json(tries)
        return
    print_line(
        f"{domain['name']} gets a new key and certificate; then those before are revoked. "
        "See: firstparty domains certificates"
    )


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except OSError as error:
        raise CommandFailed(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{file} is not PEM: convert it with openssl.") from error
