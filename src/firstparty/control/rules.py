"""What this installation's settings mean for what may be asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from firstparty.certs.limits import Limits, read_limits
from firstparty.config.addresses import Address, parse_address
from firstparty.config.settings import LOCAL, Settings
from firstparty.model.names import NamePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """``upstreams`` maps a region to the origin that its messages go to by default.

    ``https_port`` is the edge's as the public sees it. ``authorities`` are the limits of the
    certificate authorities in use, in their order. ``edge_key`` is the file of the key that seals
    certificates' keys, ``library`` the directory with versions of Analytics.js. ``has_files`` says
    that messages may go to files of the operator's.
    """

    service_domain: str
    names: NamePolicy
    upstreams: Mapping[str, str]
    https_port: int
    public_resolvers: tuple[Address, ...] = ()
    authorities: Mapping[str, Limits]
    edge_key: Path
    library: Path
    has_files: bool = False


def build_rules(settings: Settings) -> Rules:
    """The rules that follow from the settings.

    A special-use top-level domain is allowed where a stub zone says who answers for it: that is a
    laptop or a lab.
    """
    certificates = settings.certificates
    zones = (zone.strip(".").lower() for zone in settings.resolver.stub_zones)
    return Rules(
        service_domain=settings.service.domain,
        names=NamePolicy(
            own_names=(settings.service.domain,),
            special_use=frozenset(zone.rpartition(".")[2] for zone in zones),
        ),
        upstreams=settings.forward.upstreams,
        has_files=bool(settings.forward.files),
        https_port=parse_address(settings.edge.https, key="edge.https").port,
        public_resolvers=tuple(
            parse_address(text, key="resolver.public") for text in settings.resolver.public
        ),
        authorities={
            name: read_limits(certificates.authorities[name].limits)
            for name in certificates.in_order
            if name != LOCAL
        },
        edge_key=settings.state_directory / "keys" / "edge.key",
        library=settings.state_directory / "cdn",
    )
