"""Queries a second and CPU per query of our nameserver beside knotd, one core each, same zones.

Run: ``python benchmarks/nameserver.py [--zones 1000] [--seconds 3]``. Needs knotd, dnsperf and
taskset (Debian: knot, dnsperf). Cookies and rate limiting are on in both. Each round loads one,
then the other; only the ratio inside a round means anything on a shared machine. With ``--load`` it
only starts ours: ``--load --zones 100000``.
"""

import argparse
import asyncio
import contextlib
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.message
import dns.query
import msgspec
import psutil
import uvloop

from firstparty.config.settings import NameserverSettings, RateLimitSettings
from firstparty.model.feed import CaaRecord, FeedEntry, SignedZone, Topic, Zone
from firstparty.nameserver.server import serve_nameserver
from firstparty.store.follow import FeedSnapshot
from firstparty.store.reader import open_feed
from firstparty.zones.contents import build_contents
from firstparty.zones.packing import pack_contents
from firstparty.zones.signing import ZoneSigner, make_private_key

SERVER_CORE, CLIENT_CORE = "1", "0"
TOOLS = ("knotd", "dnsperf", "taskset")
CAA = CaaRecord(flags=0, tag="issue", value="letsencrypt.org; validationmethods=dns-01")
MOST = 10_000_000  # answers a second, a limit that is not reached
KNOT_CONF = """\
server:
    rundir: "{folder}"
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    udp-max-payload: 1232
database:
    storage: "{folder}"
mod-rrl:
  - id: default
    rate-limit: 10000000
template:
  - id: default
    global-module: [mod-cookies, mod-rrl/default]
    storage: "{folder}"
    file: "%s.zone"
    journal-content: none
zone:
{zones}
"""
ZONE_FILE = """\
@ 3600 SOA {ns[0]}. hostmaster.fp.test. 1 14400 3600 1209600 300
@ 3600 NS {ns[0]}.
@ 3600 NS {ns[1]}.
@ 300 CAA 0 issue "letsencrypt.org; validationmethods=dns-01"
evs 60 A 192.0.2.1
evs 60 AAAA 2001:db8::1
evs 60 HTTPS 1 . alpn=h2,http/1.1
api 60 A 192.0.2.1
api 60 AAAA 2001:db8::1
api 60 HTTPS 1 . alpn=h2,http/1.1
"""
# What is asked for, in a hundred: browsers' three questions, a CA's, and names that are not there.
QUERIES = (("evs", "A", 30), ("api", "A", 25), ("evs", "AAAA", 15), ("api", "HTTPS", 15),
           ("", "CAA", 3), ("", "SOA", 3), ("evs", "TXT", 4), ("nothing", "A", 5))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One run: queries answered a second, and the server's CPU for each."""

    rate: float
    cpu_us: float
    lost: int

    def __str__(self) -> str:
        return f"{self.rate:9,.0f} q/s  {self.cpu_us:5.2f} us CPU/query  {self.lost} lost"


def build_zones(count: int) -> list[Zone]:
    """Custom domains as the reconciler publishes them."""
    return [
        Zone(
            apex=f"cdp.shop{n}.test",
            serial=1,
            nameservers=(f"a-tok{n}.ns.fp.test", f"b-tok{n}.ns.fp.test"),
            hosts=(f"evs.cdp.shop{n}.test", f"api.cdp.shop{n}.test"),
            addresses=("192.0.2.1", "2001:db8::1"),
            caa=(CAA,),
        )
        for n in range(count)
    ]


def write_queries(file: Path, zones: list[Zone]) -> None:
    """A shuffled list of questions, the same on each run."""
    dice = random.Random(1)
    labels, weights = [query[:2] for query in QUERIES], [query[2] for query in QUERIES]
    lines = []
    for label, rdtype in dice.choices(labels, weights, k=20_000):
        apex = dice.choice(zones).apex
        lines.append(f"{label}.{apex} {rdtype}" if label else f"{apex} {rdtype}")
    file.write_text("\n".join(lines) + "\n")


def serve_ours(folder: Path, port: int) -> None:
    """What the child process does: the real role, from its snapshot, without a database."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    for bound in (udp, tcp):
        bound.bind(("127.0.0.1", port))
    uvloop.run(
        serve_nameserver(
            udp=[udp],
            tcp=[tcp],
            feed=open_feed(f"sqlite:///{folder}/no-such-folder/store.db"),
            snapshot=folder / "zones.snapshot",
            service_domain="fp.test",
            settings=NameserverSettings(
                addresses=("192.0.2.53",),
                # Counted, and never reached: what is measured are answers.
                rate_limit=RateLimitSettings(same=MOST, all=MOST, exempt=()),
            ),
        )
    )


def free_port() -> int:
    """A port that nothing listens on at the moment."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


@contextmanager
def started(command: list[str], port: int, probe: str) -> Iterator[psutil.Process]:
    """The server on its core, once it answers; ended afterwards."""
    child = subprocess.Popen(
        ["taskset", "-c", SERVER_CORE, *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    began = time.monotonic()
    try:
        while time.monotonic() < began + 60 and child.poll() is None:
            with contextlib.suppress(dns.exception.Timeout, OSError):
                query = dns.message.make_query(probe, "A")
                if dns.query.udp(query, "127.0.0.1", port=port, timeout=0.2).answer:
                    break
        else:
            raise SystemExit(f"{command[0]} did not answer {probe}")
        print(f"  {Path(command[0]).name} answers after {time.monotonic() - began:.2f} s")
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(10)


def measure(server: psutil.Process, port: int, queries: Path, seconds: int) -> Figures:
    """Load the server with dnsperf on the other core."""
    before = server.cpu_times()
    command = ["dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", str(queries), "-e"]
    command += ["-l", str(seconds), "-c", "8", "-T", "1", "-q", "200"]
    told = subprocess.run(
        ["taskset", "-c", CLIENT_CORE, *command], capture_output=True, text=True, check=True
    ).stdout
    after = server.cpu_times()
    completed = _number(told, r"Queries completed:\s+(\d+)")
    spent = after.user + after.system - before.user - before.system
    return Figures(
        rate=_number(told, r"Queries per second:\s+([\d.]+)"),
        cpu_us=spent / completed * 1e6,
        lost=int(_number(told, r"Queries lost:\s+(\d+)")),
    )


def _number(text: str, pattern: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"dnsperf did not say {pattern}:\n{text}")
    return float(found[1])


def write_snapshot(folder: Path, zones: list[Zone]) -> None:
    """What our nameserver starts from."""
    snapshot = FeedSnapshot(folder / "zones.snapshot")
    snapshot.merge(
        FeedEntry(revision=n, topic=Topic.ZONES, key=zone.apex, body=msgspec.json.encode(zone))
        for n, zone in enumerate(zones, start=1)
    )
    snapshot.save()


def command_of_ours(folder: Path, port: int) -> list[str]:
    """This file, as the child that serves."""
    return [sys.executable, __file__, "--serve", str(folder), str(port)]


def prepare(folder: Path, zones: list[Zone], knot_port: int) -> None:
    """The same zones for both, and the questions."""
    write_snapshot(folder, zones)
    for zone in zones:
        (folder / f"{zone.apex}.zone").write_text(ZONE_FILE.format(ns=zone.nameservers))
    listed = "\n".join(f"  - domain: {zone.apex}" for zone in zones)
    conf = KNOT_CONF.format(folder=folder, port=knot_port, zones=listed)
    (folder / "knot.conf").write_text(conf)
    write_queries(folder / "queries", zones)


def compare(folder: Path, *, zone_count: int, rounds: int, seconds: int) -> None:
    """Print a line for each run and the ratios of each round."""
    zones = build_zones(zone_count)
    ports = {"ours": free_port(), "knotd": free_port()}
    prepare(folder, zones, ports["knotd"])
    commands = {
        "ours": command_of_ours(folder, ports["ours"]),
        "knotd": ["knotd", "-c", str(folder / "knot.conf")],
    }
    print(f"{zone_count} zones, 8 clients, EDNS, UDP, one core each; {seconds} s a run")
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(started(command, ports[name], f"evs.{zones[0].apex}"))
            for name, command in commands.items()
        }
        for name, server in servers.items():
            print(f"  {name} has {server.memory_info().rss / 2**20:.0f} MB resident")
        for _ in range(rounds):
            told = {
                name: measure(server, ports[name], folder / "queries", seconds)
                for name, server in servers.items()
            }
            for name, figures in told.items():
                print(f"  {name:6} {figures}")
            rate = told["ours"].rate / told["knotd"].rate
            cpu = told["ours"].cpu_us / told["knotd"].cpu_us
            print(f"  ratio  {rate:.2f} of knotd's rate, {cpu:.2f} of its CPU per query")


def sign_like_last(zones: list[Zone]) -> list[Zone]:
    """Zones as large as signed ones: all have the records of the last, which is asked for."""
    now = datetime.now(UTC)
    until = now + timedelta(days=21)
    signer, contents = (
        ZoneSigner(make_private_key()),
        build_contents(zones[-1], service_domain="fp.test"),
    )
    records = pack_contents(signer.sign(contents, now=now, until=until))
    signed = SignedZone(records=records, dnskey=signer.dnskey, expires_at=until)
    return [msgspec.structs.replace(zone, signed=signed) for zone in zones]


def load(folder: Path, *, zone_count: int) -> None:
    """Print how long a start with this many zones takes, and the memory of it."""
    zones, port = sign_like_last(build_zones(zone_count)), free_port()
    write_snapshot(folder, zones)
    size = (folder / "zones.snapshot").stat().st_size
    print(f"{zone_count} zones, a snapshot of {size / 2**20:.0f} MB")
    with started(command_of_ours(folder, port), port, f"evs.{zones[-1].apex}") as server:
        spent = sum(server.cpu_times()[:2])
        print(f"  {spent:.2f} s of CPU, {server.memory_info().rss / 2**20:.0f} MB resident")


def main() -> None:
    """Compare, or be the child that serves."""
    if sys.argv[1:2] == ["--serve"]:
        with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
            serve_ours(Path(sys.argv[2]), int(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zones", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--load", action="store_true", help="only start ours, with these zones")
    chosen = parser.parse_args()
    if chosen.load:
        with tempfile.TemporaryDirectory() as folder:
            load(Path(folder), zone_count=chosen.zones)
        return
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        print(f"skipped: {', '.join(missing)} not installed (Debian: knot, dnsperf, util-linux)")
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), zone_count=chosen.zones, rounds=chosen.rounds, seconds=chosen.seconds)


if __name__ == "__main__":
    main()
