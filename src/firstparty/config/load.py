"""Settings from a TOML file with environment overrides.

``FIRSTPARTY__EDGE__HTTPS=…`` overrides ``edge.https``; an override of anything but text is written
as JSON.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec

from firstparty.config.addresses import ConfigError, parse_address
from firstparty.config.rates import parse_rate
from firstparty.config.settings import LOCAL, CertificatesSettings, Settings

ENVIRONMENT_PREFIX: Final = "FIRSTPARTY__"
_LONGEST_AUTHORITY: Final = 30
_ORIGIN: Final = re.compile(r"https?://([0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


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
            authority,
            ca_bundle=resolve(authority.ca_bundle),
            eab_hmac_file=resolve(authority.eab_hmac_file),
            roots=resolve(authority.roots),
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
    wanted = get_type_hints(shape).get(leaf) if isinstance(shape, type) else None
    is_text = wanted is str or (wanted == str | tuple[str, ...] and not text.startswith("["))
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
            ("metrics.listen", settings.metrics.listen or "127.0.0.1:0"),
            *(("nameserver.check", text) for text in settings.nameserver.check),
            *(("edge.probe", text) for text in settings.edge.probe),
            *(("edge.http_probe", text) for text in settings.edge.http_probe),
            *(("resolver.public", text) for text in settings.resolver.public),
            *(("resolver.stub_zones", text) for texts in zones.values() for text in texts),
        ):
            parse_address(text, key=key)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    if not _ORIGIN.fullmatch(settings.cdn.upstream):
        wrong = f"{settings.cdn.upstream!r} is not an origin: https://HOST[:PORT], no path"
        raise ConfigError(f"{name}: cdn.upstream: {wrong}")
    _check_authorities(settings.certificates, name)


def _check_authorities(certificates: CertificatesSettings, name: str) -> None:
    known = certificates.authorities
    if not certificates.in_order:
        raise ConfigError(f"{name}: certificates.authority: name one at least")
    for chosen in certificates.in_order:
        if chosen != LOCAL and chosen not in known:
            raise ConfigError(
                f"{name}: certificates.authority: {chosen!r} is neither 'local' nor one of "
                f"certificates.authorities ({', '.join(sorted(known))})"
            )
    for key, authority in known.items():
        where = f"{name}: certificates.authorities.{key}"
        if key == LOCAL or len(key) > _LONGEST_AUTHORITY:
            raise ConfigError(f"{where}: choose another name, of {_LONGEST_AUTHORITY} characters")
        if bool(authority.eab_kid) != bool(authority.eab_hmac_file):
            raise ConfigError(f"{where}: eab_kid and eab_hmac_file belong together: set both")
        for limit, text in msgspec.structs.asdict(authority.limits).items():
            try:
                parse_rate(text)
            except ValueError as error:
                raise ConfigError(f"{where}.limits.{limit}: {error}") from None
