"""Analytics.js on this machine: the npm package's newest script, every chunk ever served.

Pages and caches hold older scripts, whose chunk names are compiled in; so what was once served
is kept in the state directory and never deleted. A package that is missing or cannot be patched
leaves the last good one in use.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from firstparty.cdn.assets import Asset, build_asset, build_gzip_asset
from firstparty.cdn.script import StandaloneScript, parse_script
from firstparty.errors import Refused
from firstparty.telemetry import Log

PACKAGE: Final = Path("@segment") / "analytics-next"
IMMUTABLE: Final = "public, max-age=31536000, immutable"
JAVASCRIPT: Final = "text/javascript; charset=utf-8"
BUNDLE_NAME: Final = re.compile(r"[\w-]+\.bundle\.[0-9a-f]+\.js(\.map)?(\.gz)?", re.ASCII)
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+[\w.+-]*", re.ASCII)


class _Package(msgspec.Struct):
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What can be served. ``script`` is None where no good version was ever installed.

    A bundle is found by its name in ``bundles``, which lists the folder's files: no part of a
    request ever becomes part of a path.
    """

    script: StandaloneScript | None
    bundles: Mapping[str, Path]


def open_library(packages: Path, state: Path) -> Library:
    """Take the package in ``packages`` (a ``node_modules``) over into ``state``; open that.

    A package that is missing or bad is logged with the command that helps. Reads and writes
    files: call it in a thread.
    """
    log = Log("cdn")
    for folder in (state / "bundles", state / "scripts"):
        folder.mkdir(parents=True, exist_ok=True)
    script: StandaloneScript | None
    try:
        script = _take_over(packages / PACKAGE, state)
    except Refused as refused:
        script = _last_good(state)
        serving = "no script: answering 503 for it" if script is None else script.version
        log.error("cdn.package_refused", reason=refused.sentence, serving=serving)  # noqa: TRY400 - an operator's mistake, not a bug with a traceback
    bundles = {path.name: path for path in (state / "bundles").iterdir()}
    known = {name: path for name, path in bundles.items() if BUNDLE_NAME.fullmatch(name)}
    return Library(script=script, bundles=known)


def read_bundle(path: Path) -> Asset:
    """The asset of one bundle file. Reads the file: call it in a thread."""
    name = path.name.removesuffix(".gz")
    content_type = "application/json; charset=utf-8" if name.endswith(".map") else JAVASCRIPT
    build = build_gzip_asset if path.name.endswith(".gz") else build_asset
    return build(path.read_bytes(), content_type=content_type, cache_control=IMMUTABLE)


def _take_over(package: Path, state: Path) -> StandaloneScript:
    """Copy the package's chunks, then its script, then name it as current: a crash harms none."""
    folder = package / "dist" / "umd"
    try:
        version = msgspec.json.decode((package / "package.json").read_bytes(), type=_Package)
        raw = (folder / "standalone.js").read_bytes()
        chunks = [path for path in folder.iterdir() if BUNDLE_NAME.fullmatch(path.name)]
    except (OSError, msgspec.DecodeError) as error:
        raise Refused(
            "no-package",
            f"The npm package @segment/analytics-next cannot be read in {package} ({error}). "
            "Install it with: npm ci",
        ) from error
    if not _VERSION.fullmatch(version.version):
        raise Refused("no-package", f"{package / 'package.json'}: {version.version!r} no version")
    script = parse_script(raw, version=version.version)
    for chunk in chunks:
        if not (state / "bundles" / chunk.name).exists():
            _replace(state / "bundles" / chunk.name, chunk.read_bytes())
    _replace(state / "scripts" / f"{script.version}.js", raw)
    _replace(state / "current", script.version.encode())
    return script


def _last_good(state: Path) -> StandaloneScript | None:
    try:
        version = (state / "current").read_text()
        return parse_script((state / "scripts" / f"{version}.js").read_bytes(), version=version)
    except (OSError, UnicodeDecodeError, Refused):
        return None


def _replace(path: Path, content: bytes) -> None:
    """Write so that a crash leaves the old file or the new one, never a torn one."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with fresh.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(path)
