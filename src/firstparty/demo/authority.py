"""The demo's own ACME authority: Pebble, as one more process of the outside world."""

from pathlib import Path

from firstparty.config.addresses import Address
from firstparty.demo.installation import Ports
from firstparty.demo.pebble import (
    Pebble,
    PebblePorts,
    build_command,
    build_environment,
    find_pebble,
    write_files,
)
from firstparty.errors import Refused
from firstparty.serve.processes import OUTSIDE_STOPS, Process


def plan_authority(state: Path, ports: Ports) -> tuple[Process, Pebble]:
    """Pebble for this demo, ready to be started; its roots are to be written once it is up.

    It validates as the demo's resolver tells it, and refuses half of all good nonces, as it does by
    default.
    Raises Refused where it is not installed.
    """
    binary = find_pebble()
    if binary is None:
        raise Refused(
            "pebble-missing",
            "pebble is not installed: `make setup` installs it on Debian and Ubuntu; "
            "without it use --ca local.",
        )
    pebble = Pebble(
        folder=state / "pebble",
        roots=state / "ca.pem",
        ports=PebblePorts(
            acme=ports.authority,
            management=ports.authority_management,
            http=ports.http,
            tls=ports.https,
        ),
        dns_server=Address("127.0.0.1", ports.resolver),
    )
    write_files(pebble)
    process = Process(
        name="outside-ca",
        roles=("outside-ca",),
        command=build_command(pebble, binary),
        stop_rank=OUTSIDE_STOPS,
        environment=build_environment(),
    )
    return process, pebble
