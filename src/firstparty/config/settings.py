"""The tree of settings. Every setting has a default that works.

Each has a line in ``docs/configuration.md``; ``load.py`` reads it and checks what types cannot say.
"""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from firstparty.config.cores import count_cores

LOCAL: Final = "local"  # the authority that is built in
_LONGEST_SOCKET_NAME: Final = "ingest-255.sock"
_MAX_SOCKET_PATH: Final = 103  # macOS; Linux has 107

NotNegative = Annotated[int, msgspec.Meta(ge=0)]


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every group of settings is: immutable, by keyword, no unknown keys."""


class ServiceSettings(Group, frozen=True, kw_only=True):
    """The operator's own names."""

    domain: str = "firstparty.localhost"


class StoreSettings(Group, frozen=True, kw_only=True):
    """Where control data lives."""

    url: str = ""


class RateLimitSettings(Group, frozen=True, kw_only=True):
    """Answers a second to one network; 0: no limit."""

    same: NotNegative = 50
    all: NotNegative = 5_000
    slip: NotNegative = 2
    exempt: tuple[str, ...] = ("127.0.0.0/8", "::1/128")


class TransferSettings(Group, frozen=True, kw_only=True):
    """Zones for secondary nameservers; without a secret, for nobody."""

    key: str = "firstparty"
    secret: str = ""
    allow: tuple[str, ...] = ()
    notify: tuple[str, ...] = ()


class NameserverSettings(Group, frozen=True, kw_only=True):
    """Our authoritative nameserver."""

    listen: str = "0.0.0.0:53"
    addresses: tuple[str, ...] = ("127.0.0.1",)
    check: tuple[str, ...] = ("127.0.0.1:53",)
    rate_limit: RateLimitSettings = msgspec.field(default_factory=RateLimitSettings)
    transfer: TransferSettings = msgspec.field(default_factory=TransferSettings)


class EdgeSettings(Group, frozen=True, kw_only=True):
    """The TLS edge."""

    https: str = "0.0.0.0:443"
    http: str = "0.0.0.0:80"
    addresses: tuple[str, ...] = ("127.0.0.1",)
    probe: tuple[str, ...] = ("127.0.0.1:443",)
    http_probe: tuple[str, ...] = ("127.0.0.1:80",)
    envoy: str = ""
    trusted_proxies: tuple[str, ...] = ()


class DomainsSettings(Group, frozen=True, kw_only=True):
    """Customers' domains."""

    drain_quiet_seconds: int = 600
    drain_days: int = 7
    moved_quiet_seconds: int = 86_400


class IngestSettings(Group, frozen=True, kw_only=True):
    """The tracking API."""

    processes: int = 0
    workspace_messages_per_second: int = 0


class SpoolSettings(Group, frozen=True, kw_only=True):
    """The durable log."""

    url: str = ""
    listen: str = "127.0.0.1:4222"
    max_bytes: int = 10 * 1024**3
    min_free_bytes: int = 256 * 1024**2
    memory_bytes: Annotated[int, msgspec.Meta(ge=64 * 1024**2)] = 256 * 1024**2
    keep_hours: NotNegative = 72

    @property
    def log_url(self) -> str:
        """Where the log is: the server of our own, or the one that was named."""
        return self.url or f"nats://{self.listen}"


class ForwardSettings(Group, frozen=True, kw_only=True):
    """Delivery upstream."""

    upstreams: Mapping[str, str] = msgspec.field(
        default_factory=lambda: {
            "us": "https://api.segment.io",
            "eu": "https://events.eu1.segmentapis.com",
        }
    )
    expire_after_days: int = 0
    files: str = ""
    allow_private: bool = False


class CdnSettings(Group, frozen=True, kw_only=True):
    """The CDN host."""

    npm: str = ""
    upstream: str = "https://cdn.segment.com"
    mirror_integrations: bool = True


class ConsoleSettings(Group, frozen=True, kw_only=True):
    """REST API and console."""

    listen: str = "127.0.0.1:8080"
    requests_per_minute: int = 1_200


class SmtpSettings(Group, frozen=True, kw_only=True):
    """The mail server that alerts go out by; no host: none."""

    host: str = ""
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: str = ""
    sender: str = "firstparty@localhost"
    ca_bundle: str = ""


class MetricsSettings(Group, frozen=True, kw_only=True):
    """Where metrics and health are told."""

    listen: str = "127.0.0.1:9464"


class AlertsSettings(Group, frozen=True, kw_only=True):
    """How people are told."""

    smtp: SmtpSettings = msgspec.field(default_factory=SmtpSettings)


class OidcSettings(Group, frozen=True, kw_only=True):
    """An OpenID Provider that people of the console may sign in with; no issuer: none."""

    issuer: str = ""
    client_id: str = ""
    client_secret: str = ""
    name: str = "Single sign-on"


class ResolverSettings(Group, frozen=True, kw_only=True):
    """How the public DNS is asked."""

    stub_zones: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    allow_private: bool = False
    public: tuple[str, ...] = ("1.1.1.1:53", "8.8.8.8:53", "9.9.9.9:53")


class SiteCheckSettings(Group, frozen=True, kw_only=True):
    """How sites' pages are opened in a browser."""

    chromium: str = ""
    allow_private: bool = False


class LimitSettings(Group, frozen=True, kw_only=True):
    """A CA's published limits, such as ``50/7d``; empty: none. By default Let's Encrypt's."""

    new_accounts: str = "10/3h"
    new_orders: str = "300/3h"
    certificates_per_registered_domain: str = "50/7d"
    duplicates: str = "5/7d"
    failed_validations: str = "5/1h"


class AuthoritySettings(Group, frozen=True, kw_only=True):
    """One ACME certificate authority."""

    directory: str
    email: str = ""
    eab_kid: str = ""
    eab_hmac_file: str = ""
    staging: str = ""
    caa: str = ""
    profile: str = ""
    ca_bundle: str = ""
    roots: str = ""
    limits: LimitSettings = msgspec.field(default_factory=LimitSettings)


class CertificatesSettings(Group, frozen=True, kw_only=True):
    """Who issues certificates: ``local`` or names of authorities, the first one first."""

    authority: str | tuple[str, ...] = LOCAL
    key_type: Literal["ecdsa", "rsa"] = "ecdsa"
    authorities: Mapping[str, AuthoritySettings] = msgspec.field(
        default_factory=lambda: {
            "letsencrypt": AuthoritySettings(
                directory="https://acme-v02.api.letsencrypt.org/directory",
                staging="https://acme-staging-v02.api.letsencrypt.org/directory",
                caa="letsencrypt.org",
            )
        }
    )

    @property
    def in_order(self) -> tuple[str, ...]:
        """The names of the authorities in use, the first choice first."""
        return (self.authority,) if isinstance(self.authority, str) else self.authority


class ProcessesSettings(Group, frozen=True, kw_only=True):
    """Which roles share a process: each entry is one process."""

    together: tuple[tuple[str, ...], ...] = (
        ("control", "reconciler", "alerts"),
        ("cdn", "forward"),
    )


class Settings(Group, frozen=True, kw_only=True):
    """The whole tree."""

    state: str = "state"
    log_level: str = "info"
    service: ServiceSettings = msgspec.field(default_factory=ServiceSettings)
    store: StoreSettings = msgspec.field(default_factory=StoreSettings)
    nameserver: NameserverSettings = msgspec.field(default_factory=NameserverSettings)
    edge: EdgeSettings = msgspec.field(default_factory=EdgeSettings)
    domains: DomainsSettings = msgspec.field(default_factory=DomainsSettings)
    ingest: IngestSettings = msgspec.field(default_factory=IngestSettings)
    spool: SpoolSettings = msgspec.field(default_factory=SpoolSettings)
    forward: ForwardSettings = msgspec.field(default_factory=ForwardSettings)
    cdn: CdnSettings = msgspec.field(default_factory=CdnSettings)
    console: ConsoleSettings = msgspec.field(default_factory=ConsoleSettings)
    oidc: OidcSettings = msgspec.field(default_factory=OidcSettings)
    metrics: MetricsSettings = msgspec.field(default_factory=MetricsSettings)
    alerts: AlertsSettings = msgspec.field(default_factory=AlertsSettings)
    resolver: ResolverSettings = msgspec.field(default_factory=ResolverSettings)
    site_check: SiteCheckSettings = msgspec.field(default_factory=SiteCheckSettings)
    certificates: CertificatesSettings = msgspec.field(default_factory=CertificatesSettings)
    processes: ProcessesSettings = msgspec.field(default_factory=ProcessesSettings)

    @property
    def state_directory(self) -> Path:
        """Where everything that must survive a restart is kept."""
        return Path(self.state)

    @property
    def run_directory(self) -> Path:
        """Sockets of this installation, mode 0700.

        In the state directory, unless a socket's path would be longer than the system allows.
        """
        inside = self.state_directory / "run"
        if len(str(inside / _LONGEST_SOCKET_NAME)) <= _MAX_SOCKET_PATH:
            return inside
        place = hashlib.sha256(str(self.state_directory).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"firstparty-{os.getuid()}-{place}"

    @property
    def store_url(self) -> str:
        """SQLAlchemy URL of the store; SQLite in the state directory by default."""
        return self.store.url or f"sqlite:///{self.state_directory / 'firstparty.db'}"

    @property
    def ingest_processes(self) -> int:
        """One process a core unless the setting says otherwise."""
        return self.ingest.processes or count_cores()
