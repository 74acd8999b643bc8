"""Installs a version of Analytics.js from npm, beside those that are there.

The registry, its credentials and the certificates to trust are those that this machine's own npm
is set up with. What npm has downloaded is compared with the registry's integrity once more, and
looked at before it is taken over: a version that cannot be patched changes nothing.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

from firstparty.cdn.bundles import take_over
from firstparty.errors import Refused

PACKAGE_NAME: Final = "@segment/analytics-next"
_VERSION: Final = re.compile(r"latest|[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?", re.ASCII)
_NPM_SECONDS: Final = 120
_MAX_UNPACKED_BYTES: Final = 100 * 1024 * 1024


def install_version(version: str, state: Path, *, npm: str = "npm") -> str:
    """Install this version (or ``latest``) into ``state``; the version that it is.

    Raises Refused with the reason, and everything is as it was.
    """
    if not _VERSION.fullmatch(version):
        raise Refused("bad-version", f"{version!r} is no version: it is like 1.84.3, or latest.")
    if shutil.which(npm) is None:
        raise Refused("no-npm", f"There is no program {npm} on this machine: install Node.js.")
    for folder in (state / "bundles", state / "scripts"):
        folder.mkdir(parents=True, exist_ok=True)
    wanted = f"{PACKAGE_NAME}@{version}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        facts = _ask(npm, "view", wanted, "name", "version", "dist.integrity", folder=folder)
        exact = f"{PACKAGE_NAME}@{facts.get('version', '')}"
        _ask(npm, "pack", exact, "--ignore-scripts", "--pack-destination", name, folder=folder)
        archives = list(folder.glob("*.tgz"))
        if len(archives) != 1:
            raise Refused("npm-failed", f"npm pack {exact} wrote no archive.")
        check_integrity(archives[0].read_bytes(), str(facts.get("dist.integrity", "")))
        return take_over(_unpack(archives[0], folder), state).version


def check_integrity(archive: bytes, integrity: str) -> None:
    """Raise Refused unless the archive is the one that the registry names (W3C SRI, SHA-512)."""
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if found not in integrity.split():
        raise Refused(
            "integrity-broken",
            "The archive that npm downloaded is not the one whose integrity the registry names: "
            "nothing was installed.",
        )


def _ask(npm: str, *arguments: str, folder: Path) -> dict[str, Any]:
    command = [npm, *arguments, "--json"]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and the version was checked
            command, cwd=folder, capture_output=True, text=True, timeout=_NPM_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Refused(
            "npm-failed", f"npm {arguments[0]} did not end within {_NPM_SECONDS} s."
        ) from error
    if done.returncode != 0:
        raise Refused("npm-failed", f"npm {arguments[0]} {arguments[1]}: {_reason(done)}")
    answer = json.loads(done.stdout or "{}")
    return answer if isinstance(answer, dict) else {}


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    try:
        return str(json.loads(done.stdout)["error"]["summary"])
    except (ValueError, KeyError, TypeError):
        return (done.stderr.strip().splitlines() or ["no reason given"])[0]


def _unpack(archive: Path, folder: Path) -> Path:
    """The archive's folder ``package``; raises Refused for an archive that is none of npm's."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            members = [one for one in tar if one.isfile() and one.name.startswith("package/")]
            if sum(one.size for one in members) > _MAX_UNPACKED_BYTES:
                raise Refused("package-too-large", "The package is too large to be what it says.")
            tar.extractall(folder, members=members, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise Refused("bad-archive", f"The archive cannot be read: {error}.") from error
    return folder / "package"
