"""Settings: one frozen tree, read once from a TOML file with environment overrides.

Unknown keys are refused. Every setting has a default that works and a line in
``docs/configuration.md``. ``FIRSTPARTY__EDGE__HTTPS=…`` overrides ``edge.https``; an override of
anything but text is written as JSON.
"""

import hashlib
import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, get_type_hints

import msgspec

ENVIRONMENT_PREFIX: Final = "FIRSTPARTY__"
_ORIGIN: Final = re.compile(r"https?://([0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
_LONGEST_SOCKET_NAME: Final = "ingest-255.sock"
_MAX_SOCKET_PATH: Final = 103  # macOS; Linux has 107


class ConfigError(Exception):
    """The settings cannot be used; one line with the file, the key and the reason."""


class Address(NamedTuple):
    """A host and port. The host is an IP address; an IPv6 one is written in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every group of settings is: immutable, by keyword, no unknown keys."""


class ServiceSettings(Group, frozen=True, kw_only=True):
    """The operator's own names."""

    domain: str = "firstparty.localhost"


class StoreSettings(Group, frozen=True, kw_only=True):
    """Where control data lives."""

    url: str = ""


class NameserverSettings(Group, frozen=True, kw_only=True):
    """Our authoritative nameserver."""

    listen: str = "0.0.0.0:53"
    addresses: tuple[str, ...] = ("127.0.0.1",)
    check: tuple[str, ...] = ("127.0.0.1:53",)


class EdgeSettings(Group, frozen=True, kw_only=True):
    """The TLS edge."""

    https: str = "0.0.0.0:443"
    http: str = "0.0.0.0:80"
    addresses: tuple[str, ...] = ("127.0.0.1",)
    probe: tuple[str, ...] = ("127.0.0.1:443",)
    http_probe: tuple[str, ...] = ("127.0.0.1:80",)
    envoy: str = ""


class IngestSettings(Group, frozen=True, kw_only=True):
    """The tracking API."""

    processes: int = 0


class SpoolSettings(Group, frozen=True, kw_only=True):
    """The durable log."""

    url: str = ""
    listen: str = "127.0.0.1:4222"
    max_bytes: int = 10 * 1024**3

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


class CdnSettings(Group, frozen=True, kw_only=True):
    """The CDN host."""

    npm: str = ""
    upstream: str = "https://cdn.segment.com"
    mirror_integrations: bool = True


class ConsoleSettings(Group, frozen=True, kw_only=True):
    """REST API and console."""

    listen: str = "127.0.0.1:8080"


class ResolverSettings(Group, frozen=True, kw_only=True):
    """How the public DNS is asked."""

    stub_zones: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    allow_private: bool = False


class AuthoritySettings(Group, frozen=True, kw_only=True):
    """One ACME certificate authority."""

    directory: str
    email: str = ""
    ca_bundle: str = ""
    roots: str = ""


class CertificatesSettings(Group, frozen=True, kw_only=True):
    """Who issues certificates: ``local`` or the name of an authority."""

    authority: str = "local"
    authorities: Mapping[str, AuthoritySettings] = msgspec.field(
        default_factory=lambda: {
            "letsencrypt": AuthoritySettings(
                directory="https://acme-v02.api.letsencrypt.org/directory"
            )
        }
    )


class ProcessesSettings(Group, frozen=True, kw_only=True):
    """Which roles share a process: each entry is one process."""

    together: tuple[tuple[str, ...], ...] = (("control", "reconciler"), ("cdn", "forward"))


class Settings(Group, frozen=True, kw_only=True):
    """The whole tree."""

    state: str = "state"
    log_level: str = "info"
    service: ServiceSettings = msgspec.field(default_factory=ServiceSettings)
    store: StoreSettings = msgspec.field(default_factory=StoreSettings)
    nameserver: NameserverSettings = msgspec.field(default_factory=NameserverSettings)
    edge: EdgeSettings = msgspec.field(default_factory=EdgeSettings)
    ingest: IngestSettings = msgspec.field(default_factory=IngestSettings)
    spool: SpoolSettings = msgspec.field(default_factory=SpoolSettings)
    forward: ForwardSettings = msgspec.field(default_factory=ForwardSettings)
    cdn: CdnSettings = msgspec.field(default_factory=CdnSettings)
    console: ConsoleSettings = msgspec.field(default_factory=ConsoleSettings)
    resolver: ResolverSettings = msgspec.field(default_factory=ResolverSettings)
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
        return self.ingest.processes or os.cpu_count() or 1


def parse_address(text: str, *, key: str) -> Address:
    """``"127.0.0.1:53"`` or ``"[::1]:53"`` to an Address; ``key`` is named when it is neither."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004
        raise ConfigError(f"{key}: {text!r} is not ADDRESS:PORT")
    return Address(host, int(port))


def load_settings(file: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of ``file`` (or the defaults) and the environment's overrides.

    Relative paths are taken from the folder of the file, so that a unit file and a person in
    another folder mean the same place. Raises ConfigError with one line.
    """
    environment = os.environ if environment is None else environment
    tree: dict[str, Any] = {}
    name = "environment" if file is None else str(file)
    if file is not None:
        try:
            tree = tomllib.loads(file.read_text())
        except OSError as error:
            raise ConfigError(f"{name}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{name}: not TOML: {error}") from error
    for variable, text in environment.items():
        if variable.startswith(ENVIRONMENT_PREFIX):
            _override(tree, variable, text)
    try:
        settings = msgspec.convert(tree, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_key_and_reason(str(error))}") from error
    _check(settings, name)
    anchor = file.parent.resolve() if file is not None else Path.cwd()
    return _resolve_paths(settings, anchor)


def _resolve_paths(settings: Settings, anchor: Path) -> Settings:
    def resolve(path: str) -> str:
        return str(anchor / path) if path else ""

    authorities = {
        name: msgspec.structs.replace(
            authority, ca_bundle=resolve(authority.ca_bundle), roots=resolve(authority.roots)
        )
        for name, authority in settings.certificates.authorities.items()
    }
    replace = msgspec.structs.replace
    return replace(
        settings,
        state=str(anchor / settings.state),
        edge=replace(settings.edge, envoy=resolve(settings.edge.envoy)),
        cdn=replace(settings.cdn, npm=resolve(settings.cdn.npm)),
        certificates=replace(settings.certificates, authorities=authorities),
    )


def _override(tree: dict[str, Any], variable: str, text: str) -> None:
    *groups, leaf = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
    shape: Any = Settings
    for group in groups:
        shape = get_type_hints(shape).get(group) if isinstance(shape, type) else None
        tree = tree.setdefault(group, {})
    is_text = isinstance(shape, type) and get_type_hints(shape).get(leaf) is str
    try:
        tree[leaf] = text if is_text else msgspec.json.decode(text.encode())
    except msgspec.DecodeError as error:
        raise ConfigError(f"environment: {variable}: not JSON: {error}") from error


def _key_and_reason(text: str) -> str:
    """Turn "reason - at `$.a.b`", as msgspec says it, into "a.b: reason"."""
    reason, _, path = text.partition(" - at `$")
    key = path.rstrip("`").lstrip(".")
    return f"{key}: {reason}" if key else reason


def _check(settings: Settings, name: str) -> None:
    zones = settings.resolver.stub_zones
    try:
        for key, text in (
            ("nameserver.listen", settings.nameserver.listen),
            ("edge.https", settings.edge.https),
            ("edge.http", settings.edge.http),
            ("spool.listen", settings.spool.listen),
            ("console.listen", settings.console.listen),
            *(("nameserver.check", text) for text in settings.nameserver.check),
            *(("edge.probe", text) for text in settings.edge.probe),
            *(("edge.http_probe", text) for text in settings.edge.http_probe),
            *(("resolver.stub_zones", text) for texts in zones.values() for text in texts),
        ):
            parse_address(text, key=key)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    if not _ORIGIN.fullmatch(settings.cdn.upstream):
        wrong = f"{settings.cdn.upstream!r} is not an origin: https://HOST[:PORT], no path"
        raise ConfigError(f"{name}: cdn.upstream: {wrong}")
    chosen, known = settings.certificates.authority, settings.certificates.authorities
    if chosen != "local" and chosen not in known:
        raise ConfigError(
            f"{name}: certificates.authority: {chosen!r} is neither 'local' nor one of "
            f"certificates.authorities ({', '.join(sorted(known))})"
        )
