"""What servers said when they were asked: values, nothing decided from them here.

Names are lower-case without a trailing dot. *Could not check* is a ``Trouble``, never an empty
answer: not knowing is not the same as knowing that nothing is there.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from firstparty.config.addresses import Address


class Trouble(StrEnum):
    """Why a server's word is not known."""

    TIMEOUT = "timeout"  # no answer in time
    NO_ROUTE = "no-route"  # this machine has no way to the address (often: no IPv6 here)
    UNREACHABLE = "unreachable"  # the other side says that nobody listens
    LAME = "lame"  # it answers, and not for the zone that it was asked about
    GARBLED = "garbled"  # what came back is not a DNS answer to our question
    NOT_PUBLIC = "not-public"  # the address is not a public one, so nothing was sent
    BUDGET = "budget"  # the probe's queries or seconds ran out before its turn
    NO_ADDRESS = "no-address"  # the server's name has no address (or none was found)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAnswer:
    """What one address of one of the parent's servers says of the delegation of a name.

    Without ``trouble`` it is the server's own word: ``nameservers`` is empty where it delegates
    nothing. ``cname`` is the target of a CNAME at the name itself. ``other_types`` are the types
    of records found at the name that a delegation would hide (``"A"``, ``"TXT"``), ``names_below``
    names below it that were found, and ``has_names_below`` whether there are any: these are
    asked for at one server only, and only where nothing is delegated. ``ds`` are the values of DS
    records, in lower case.
    ``address`` is None only where the server's name has none (``Trouble.NO_ADDRESS``).
    """

    server: str
    address: Address | None
    nameservers: frozenset[str] = frozenset()
    ds: frozenset[str] = frozenset()
    rcode: str | None = None
    cname: str | None = None
    other_types: tuple[str, ...] = ()
    names_below: tuple[str, ...] = ()
    has_names_below: bool = False
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentAnswer:
    """What all servers of the zone above ``name`` say of it.

    ``parent`` is that zone's apex (``""`` is the root), or None where it was not found; then
    ``servers`` is empty and ``trouble`` says why.
    """

    name: str
    parent: str | None
    servers: tuple[ServerAnswer, ...] = ()
    trouble: Trouble | None = None
    queries: int = 0
    took: timedelta = timedelta()

    @property
    def heard(self) -> tuple[ServerAnswer, ...]:
        """The addresses that gave their word."""
        return tuple(answer for answer in self.servers if answer.trouble is None)

    @property
    def unheard(self) -> tuple[ServerAnswer, ...]:
        """The addresses whose word is missing and matters.

        An address this machine has no route to does not matter where another address of the same
        server was heard: without IPv6 here, the server's IPv4 address speaks for it.
        """
        heard = {answer.server for answer in self.heard}
        return tuple(
            answer
            for answer in self.servers
            if answer.trouble is not None
            and not (answer.trouble is Trouble.NO_ROUTE and answer.server in heard)
        )

    @property
    def ds(self) -> frozenset[str]:
        """Every DS record that any of the parent's servers has."""
        return frozenset().union(*(answer.ds for answer in self.heard))

    @property
    def nameservers(self) -> frozenset[str]:
        """Every nameserver that any of the parent's servers names."""
        return frozenset().union(*(answer.nameservers for answer in self.heard))

    @property
    def is_complete(self) -> bool:
        """Whether the parent was found and every server of it was heard."""
        return self.trouble is None and bool(self.heard) and not self.unheard

    def delegates_exactly_to(self, nameservers: frozenset[str]) -> bool:
        """Whether every server of the parent was heard and names this set, no more, no less."""
        return self.is_complete and all(
            answer.nameservers == nameservers and answer.cname is None for answer in self.heard
        )


class Transport(StrEnum):
    """How a question travels."""

    UDP = "udp"
    TCP = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnServerAnswer:
    """What one of our servers says of a zone of ours, over one transport.

    ``serial`` is None unless the SOA came with AA=1. ``missing_hosts`` are the hosts that have
    no address there.
    """

    address: Address
    transport: Transport
    serial: int | None = None
    rcode: str | None = None
    missing_hosts: tuple[str, ...] = ()
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAnswer:
    """What all of our servers say of a zone of ours."""

    apex: str
    servers: tuple[OwnServerAnswer, ...]

    def serves(self, serial: int | None) -> bool:
        """Whether every server, over both transports, has all of the hosts, and this serial.

        None: any serial, as long as the server is authoritative.
        """
        return bool(self.servers) and all(
            answer.serial is not None
            and serial in {None, answer.serial}
            and not answer.missing_hosts
            for answer in self.servers
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TxtAnswer:
    """The TXT values that one of our servers has at an owner name (none: empty)."""

    address: Address
    values: frozenset[str] = frozenset()
    trouble: Trouble | None = None
