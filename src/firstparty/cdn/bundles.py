"""Analytics.js on this machine: every version ever installed, and every chunk of each.

Pages and caches hold older scripts, whose chunk names are compiled in; so what was once served
is kept in the state directory and never deleted. A package that is missing or cannot be patched
leaves those that are there in use.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from firstparty.cdn.assets import Asset, build_asset, build_gzip_asset
from firstparty.cdn.refusals import Refusal, clear_refusals, list_refusals, note_refusal
from firstparty.cdn.script import StandaloneScript, parse_script
from firstparty.cdn.versions import order_of, replace_file
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
    """What can be served. ``scripts`` are by version, ``script`` is the newest of them.

    A bundle is found by its name in ``bundles``, which lists the folder's files: no part of a
    request ever becomes part of a path.
    """

    scripts: Mapping[str, StandaloneScript]
    bundles: Mapping[str, Path]
    refused: tuple[Refusal, ...] = ()
    seen: frozenset[str] = frozenset()  # the names of all that was looked at

    @property
    def script(self) -> StandaloneScript | None:
        """The newest version; None where no good one was ever installed."""
        return max(self.scripts.values(), key=lambda one: order_of(one.version), default=None)

    def find(self, version: str) -> StandaloneScript | None:
        """This version, or the newest: for ``""`` and where it was not installed here."""
        return self.scripts.get(version) or self.script


def open_library(packages: Path, state: Path) -> Library:
    """Take the package in ``packages`` (a ``node_modules``) over into ``state``; open that.

    A package that is missing or bad is logged with the command that helps. Reads and writes
    files: call it in a thread.
    """
    log = Log("cdn")
    for folder in (state / "bundles", state / "scripts"):
        folder.mkdir(parents=True, exist_ok=True)
    refusal = ""
    try:
        take_over(packages / PACKAGE, state)
    except Refused as refused:
        refusal = refused.sentence
    library = read_library(state)
    if refusal:
        script = library.script
        serving = "no script: answering 503 for it" if script is None else script.version
        log.error("cdn.package_refused", reason=refusal, serving=serving)
    return library


def read_library(state: Path) -> Library:
    """What is in ``state``, whoever put it there. Reads files: call it in a thread."""
    bundles = {path.name: path for path in (state / "bundles").iterdir()}
    known = {name: path for name, path in bundles.items() if BUNDLE_NAME.fullmatch(name)}
    seen = list_seen(state)
    scripts = {one.version: one for one in _good_scripts(state)}
    return Library(scripts=scripts, bundles=known, refused=list_refusals(state), seen=seen)


def read_bundle(path: Path) -> Asset:
    """The asset of one bundle file. Reads the file: call it in a thread."""
    name = path.name.removesuffix(".gz")
    content_type = "application/json; charset=utf-8" if name.endswith(".map") else JAVASCRIPT
    build = build_gzip_asset if path.name.endswith(".gz") else build_asset
    return build(path.read_bytes(), content_type=content_type, cache_control=IMMUTABLE)


def take_over(package: Path, state: Path) -> StandaloneScript:
    """Copy the package's chunks, then its script: a crash harms none.

    Raises Refused, and a version that cannot be patched is kept in mind as refused.
    """
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
    try:
        script = parse_script(raw, version=version.version)
    except Refused as refused:
        note_refusal(state, version.version, refused.sentence)
        raise
    for chunk in chunks:
        if not (state / "bundles" / chunk.name).exists():
            replace_file(state / "bundles" / chunk.name, chunk.read_bytes())
    replace_file(state / "scripts" / f"{script.version}.js", raw)
    clear_refusals(state, script.version)
    return script


def read_version(package: Path) -> str:
    """The version of a package in a ``node_modules``; "" where there is none."""
    try:
        return msgspec.json.decode((package / "package.json").read_bytes(), type=_Package).version
    except (OSError, msgspec.DecodeError):
        return ""


def remove_version(state: Path, version: str) -> None:
    """Forget the script of this version. Its chunks stay: pages have their names compiled in."""
    if version in list_versions(state):
        (state / "scripts" / f"{version}.js").unlink(missing_ok=True)


def list_versions(state: Path) -> frozenset[str]:
    """The versions whose scripts are in ``state``, good or not. Reads a folder."""
    return frozenset(path.stem for path in (state / "scripts").glob("[0-9]*.js"))


def list_seen(state: Path) -> frozenset[str]:
    """Names of what is in ``state``: another set means that something was installed or refused."""
    refused = {f"refused {one.version}" for one in list_refusals(state)}
    return list_versions(state) | refused


def _good_scripts(state: Path) -> Iterator[StandaloneScript]:
    for path in (state / "scripts").glob("[0-9]*.js"):
        try:
            yield parse_script(path.read_bytes(), version=path.stem)
        except (OSError, Refused):  # a later release of ours may take what an earlier one refused
            continue
