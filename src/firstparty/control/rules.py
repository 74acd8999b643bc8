"""What this installation's settings mean for what may be asked."""

from collections.abc import Mapping
from dataclasses import dataclass

from firstparty.config.addresses import Address, parse_address
from firstparty.config.settings import Settings
from firstparty.model.names import NamePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """``upstreams`` maps a region to the origin that its messages go to by default.

    ``https_port`` is the edge's as the public sees it.
    """

    service_domain: str
    names: NamePolicy
    upstreams: Mapping[str, str]
    https_port: int
    public_resolvers: tuple[Address, ...] = ()


def build_rules(settings: Settings) -> Rules:
    """The rules that follow from the settings.

    A special-use top-level domain is allowed where a stub zone says who answers for it: that is a
    laptop or a lab.
    """
    zones = (zone.strip(".").lower() for zone in settings.resolver.stub_zones)
    return Rules(
        service_domain=settings.service.domain,
        names=NamePolicy(
            own_names=(settings.service.domain,),
            special_use=frozenset(zone.rpartition(".")[2] for zone in zones),
        ),
        upstreams=settings.forward.upstreams,
        https_port=parse_address(settings.edge.https, key="edge.https").port,
        public_resolvers=tuple(
            parse_address(text, key="resolver.public") for text in settings.resolver.public
        ),
    )
