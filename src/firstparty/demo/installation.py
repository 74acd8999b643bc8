"""The demo's installation: free ports, a state directory of its own, and its settings file."""

import json
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from firstparty.config.cores import count_cores
from firstparty.config.load import load_settings
from firstparty.config.settings import Settings
from firstparty.errors import Refused

SERVICE_DOMAIN: Final = "fp.test"
SHOP_DOMAIN: Final = "shop.test"
CUSTOM_DOMAIN: Final = "cdp.shop.test"
DEMO_FILE: Final = "demo.json"
_MARKER: Final = ".firstparty-demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where everything listens on 127.0.0.1; all of them were free a moment ago."""

    https: int
    http: int
    nameserver: int
    console: int
    metrics: int
    nats: int
    upstream: int
    parent: int
    resolver: int
    shop: int
    authority: int
    authority_management: int


def choose_ports() -> Ports:
    """Free ports, each from the system; DNS ones are free for UDP as well as TCP."""
    names = list(Ports.__dataclass_fields__)
    held: list[socket.socket] = []
    chosen: dict[str, int] = {}
    try:
        for name in names:
            tcp, udp, port = _hold_free_port()
            held += [tcp, udp]
            chosen[name] = port
    finally:
        for each in held:
            each.close()
    return Ports(**chosen)


def _hold_free_port() -> tuple[socket.socket, socket.socket, int]:
    while True:
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.bind(("127.0.0.1", 0))
        port: int = tcp.getsockname()[1]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(("127.0.0.1", port))
        except OSError:
            tcp.close()
            udp.close()
            continue
        return tcp, udp, port


def prepare_state(state: Path) -> None:
    """An empty state directory for a demo; what an earlier demo left there is removed.

    Raises Refused where a demo is still running, and where the directory holds anything else.
    """
    if state.exists() and any(state.iterdir()):
        if not (state / _MARKER).exists():
            raise Refused(
                "state-not-empty",
                f"{state} holds something that is not a demo; choose another --state.",
            )
        running = _running_demo(state)
        if running is not None:
            raise Refused(
                "demo-running",
                f"A demo is running in {state} (process {running}); stop it or choose another "
                "--state.",
            )
        shutil.rmtree(state)
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    (state / _MARKER).write_text(f"{psutil.Process().pid} {psutil.Process().create_time()}\n")


def _running_demo(state: Path) -> int | None:
    pid, _, born = (state / _MARKER).read_text().strip().partition(" ")
    try:
        process = psutil.Process(int(pid))
        # The same number may be another process by now: its birth tells.
        return process.pid if str(process.create_time()) == born else None
    except (psutil.NoSuchProcess, ValueError):
        return None


def write_settings(state: Path, ports: Ports, *, authority: str) -> tuple[Path, Settings]:
    """The settings file of the demo, and the settings read back from it."""
    file = state / "firstparty.toml"
    file.write_text(_as_toml(build_settings(ports, authority=authority)))
    return file, load_settings(file, {})


def build_settings(ports: Ports, *, authority: str) -> dict[str, Any]:
    """The settings tree: everything on loopback, `shop.test` asked at the demo's own parent."""
    here = "127.0.0.1"
    tree: dict[str, Any] = {
        "state": ".",
        "service": {"domain": SERVICE_DOMAIN},
        "nameserver": {
            "listen": f"{here}:{ports.nameserver}",
            "addresses": [here],
            "check": [f"{here}:{ports.nameserver}"],
        },
        "edge": {
            "https": f"{here}:{ports.https}",
            "http": f"{here}:{ports.http}",
            "addresses": [here],
            "probe": [f"{here}:{ports.https}"],
            "http_probe": [f"{here}:{ports.http}"],
        },
        "domains": {
            "drain_quiet_seconds": 10,
            "moved_quiet_seconds": 600,
        },  # nobody waits for ten minutes in a demo
        "ingest": {"processes": min(2, count_cores())},  # a laptop has other work to do
        "spool": {"listen": f"{here}:{ports.nats}"},
        "console": {"listen": f"{here}:{ports.console}"},
        "metrics": {"listen": f"{here}:{ports.metrics}"},
        "resolver": {
            "allow_private": True,
            "public": [],  # nobody outside knows these names
            "stub_zones": {SHOP_DOMAIN: [f"{here}:{ports.parent}"]},
        },
        "forward": {
            "upstreams": {
                "us": f"http://{here}:{ports.upstream}",
                "eu": f"http://{here}:{ports.upstream}",
            }
        },
        "cdn": {"upstream": f"http://{here}:{ports.upstream}"},
        "certificates": {"authority": authority},
    }
    if authority == "pebble":
        tree["certificates"]["authorities"] = {
            "pebble": {
                "directory": f"https://{here}:{ports.authority}/dir",
                "ca_bundle": "pebble/ca.pem",
                "roots": "ca.pem",
            }
        }
    return tree


def _as_toml(tree: dict[str, Any], path: tuple[str, ...] = ()) -> str:
    """TOML of nested tables whose leaves are text, booleans, numbers and lists of them."""
    leaves = [
        f"{_key(name)} = {json.dumps(value)}"
        for name, value in tree.items()
        if not isinstance(value, dict)
    ]
    tables = [
        f"\n[{'.'.join(map(_key, (*path, name)))}]\n{_as_toml(value, (*path, name))}"
        for name, value in tree.items()
        if isinstance(value, dict)
    ]
    return "".join(f"{line}\n" for line in leaves) + "".join(tables)


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() else json.dumps(name)
