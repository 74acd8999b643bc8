"""A small Internet in a network namespace of its own: root, top-level domain, parent, and ours.

Run as a program by ``unshare --net``: it gives the loopback interface public addresses, so that
checkers find nothing odd in them, serves the zones above with Knot (signed), ours with our
nameserver, and prints what zonemaster and dnsviz say of ours, as JSON.
"""

import asyncio
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec.structs import replace

from firstparty.config.settings import NameserverSettings
from firstparty.model.dnssec import build_ds_record
from firstparty.model.feed import CaaRecord, FeedEntry, SignedZone, Topic, Zone
from firstparty.nameserver.server import serve_nameserver
from firstparty.store.reader import open_feed
from firstparty.store.snapshot import FeedSnapshot
from firstparty.zones.contents import build_contents
from firstparty.zones.packing import pack_contents
from firstparty.zones.signing import ZoneSigner, make_private_key
from tests.fakes.dns_server import bind_both

# Two addresses each, of networks far apart.
ROOT, TLD, PARENT, OURS = ((f"{first}.1.1.1", f"{first + 140}.1.2.1") for first in (45, 46, 47, 48))
ROOT_NS = ("a.root-ns.", "b.root-ns.")
TLD_NS = ("a.nic.lab.", "b.nic.lab.")
PARENT_NS = ("ns1.shop.lab.", "ns2.shop.lab.")
SERVICE_NS = ("ns1.fp.lab.", "ns2.fp.lab.")
ZONE = Zone(
    apex="cdp.shop.lab",
    serial=int(time.time()),
    nameservers=("a-tok.ns.fp.lab", "b-tok.ns.fp.lab"),
    hosts=("evs.cdp.shop.lab", "api.cdp.shop.lab"),
    addresses=("50.1.1.1",),
    caa=(CaaRecord(flags=0, tag="issue", value="letsencrypt.org"),),
)
KNOT = """\
server:
  rundir: "{folder}"
  listen: [{addresses}]
database:
  storage: "{folder}"
policy:
  - id: lab
    algorithm: ecdsap256sha256
    single-type-signing: on
    cds-cdnskey-publish: none
template:
  - id: default
    storage: "{folder}"
    dnssec-signing: on
    dnssec-policy: lab
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
zone:
  - domain: .
    file: root.zone
  - domain: lab.
  - domain: shop.lab.
"""


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def delegation(name: str, servers: tuple[str, ...], glue: tuple[str, ...] = ()) -> list[str]:
    return [
        *(f"{name} 3600 NS {server}" for server in servers),
        *(f"{server} 3600 A {address}" for server, address in zip(servers, glue, strict=False)),
    ]


def write_zones(folder: Path, ds: dict[str, str]) -> None:
    """The zones above ours, with the DS records that are known so far."""

    def ds_of(name: str) -> list[str]:
        return [f"{name} 3600 DS {ds[name]}"] if name in ds else []

    below = {
        "root": (".", ROOT_NS, ROOT, [*delegation("lab.", TLD_NS, TLD), *ds_of("lab.")]),
        "lab": (
            "lab.",
            TLD_NS,
            TLD,
            [
                *delegation("shop.lab.", PARENT_NS, PARENT),
                *ds_of("shop.lab."),
                *delegation("fp.lab.", SERVICE_NS, OURS),
            ],
        ),
        "shop.lab": (
            "shop.lab.",
            PARENT_NS,
            PARENT,
            [
                *delegation(f"{ZONE.apex}.", tuple(f"{one}." for one in ZONE.nameservers)),
                *ds_of(f"{ZONE.apex}."),
            ],
        ),
    }
    for file, (name, servers, addresses, records) in below.items():
        soa = f"{name} 3600 SOA {servers[0]} hostmaster.fp.lab. 1 14400 3600 1209600 3600"
        lines = [soa, *delegation(name, servers, addresses), *records]
        (folder / f"{file}.zone").write_text("\n".join(lines) + "\n")


def wait_for(address: str, name: str, rdtype: str) -> None:
    """Until a server has a signed answer."""
    for _ in range(100):
        told = subprocess.run(
            ["dig", f"@{address}", name, rdtype, "+dnssec", "+norecurse", "+time=1", "+tries=1"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        if "RRSIG" in told:
            return
        time.sleep(0.1)
    raise SystemExit(f"{address} has no signed {rdtype} of {name}")


def sign_zone(folder: Path) -> str:
    """Our zone, signed, where our nameserver starts from; its DS."""
    signer, now = ZoneSigner(make_private_key()), datetime.now(UTC)
    until = now + timedelta(days=21)
    contents = signer.sign(build_contents(ZONE, service_domain="fp.lab"), now=now, until=until)
    records = SignedZone(records=pack_contents(contents), dnskey=signer.dnskey, expires_at=until)
    body = msgspec.json.encode(replace(ZONE, signed=records))
    snapshot = FeedSnapshot(folder / "zones.snapshot")
    snapshot.save([FeedEntry(revision=1, topic=Topic.ZONES, key="dom_1", body=body)])
    return build_ds_record(ZONE.apex, signer.dnskey).value


def check(folder: Path) -> dict[str, object]:
    """What the checkers say."""
    hints = "\n".join(delegation(".", ROOT_NS, ROOT)) + "\n"
    (folder / "hints").write_text(hints)
    command = ["zonemaster-cli", "--hints", str(folder / "hints"), "--no-ipv6", "--no-progress"]
    command += ["--level", "NOTICE", "--json", "--no-json-translate", "--raw"]
    zonemaster = {name: json.loads(run(*command, name)) for name in (ZONE.apex, "fp.lab")}
    servers = ",".join(f"{name}={one}" for name, one in zip(ROOT_NS, ROOT, strict=True))
    probe, grok = str(folder / "probe.json"), str(folder / "grok.json")
    names = (ZONE.apex, *ZONE.hosts)
    run("dnsviz", "probe", "-4", "-A", "-E", "-a", ".", "-x", f".:{servers}", "-o", probe, *names)
    run("dnsviz", "grok", "-r", probe, "-o", grok)
    return {"zonemaster": zonemaster, "dnsviz": json.loads(Path(grok).read_text())}


async def serve_and_check(folder: Path) -> dict[str, object]:
    pairs = [bind_both(address, 53) for address in OURS]
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(
            serve_nameserver(
                udp=[udp for udp, _ in pairs],
                tcp=[tcp for _, tcp in pairs],
                feed=open_feed(f"sqlite:///{folder}/no-such-folder/store.db"),
                snapshot=folder / "zones.snapshot",
                service_domain="fp.lab",
                settings=NameserverSettings(addresses=OURS),
            )
        )
        told = await asyncio.to_thread(check, folder)
        serving.cancel()
    return told


def main(folder: Path, *, has_right_ds: bool) -> None:
    run("ip", "link", "set", "lo", "up")
    for address in (*ROOT, *TLD, *PARENT, *OURS):
        run("ip", "address", "add", f"{address}/32", "dev", "lo")
    run("ip", "route", "add", "default", "dev", "lo")
    configuration = folder / "knot.conf"
    listen = ", ".join((*ROOT, *TLD, *PARENT))
    configuration.write_text(KNOT.format(folder=folder, addresses=listen))
    write_zones(folder, {})
    with (folder / "knot.log").open("wb") as log:
        knot = subprocess.Popen(["knotd", "-c", str(configuration)], stdout=log, stderr=log)
    try:
        ds = {f"{ZONE.apex}.": sign_zone(folder)}
        if not has_right_ds:
            ds[f"{ZONE.apex}."] = "12345 13 2 " + "ab" * 32
        for name, server in (("lab.", TLD[0]), ("shop.lab.", PARENT[0])):
            wait_for(server, name, "SOA")
            listed = run("keymgr", "-c", str(configuration), name, "ds").splitlines()
            ds[name] = next(line for line in listed if " 13 2 " in line).partition(" DS ")[2]
        write_zones(folder, ds)
        run("knotc", "-c", str(configuration), "-b", "zone-reload")
        for server, name in ((ROOT[0], "lab."), (TLD[0], "shop.lab."), (PARENT[0], ZONE.apex)):
            wait_for(server, name, "DS")
        json.dump(asyncio.run(serve_and_check(folder)), sys.stdout)
    finally:
        knot.terminate()
        knot.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), has_right_ds="wrong-ds" not in sys.argv)
