"""A headless Chromium for one visit: found, started with nothing to go on, and ended with its kin.

Its profile is new and is deleted. It talks to us over pipes, not over a port that pages and other
users could reach; when they are closed, because this process died, it ends by itself.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import psutil

from firstparty.sitecheck.devtools import MAX_MESSAGE_BYTES, DevTools, NotAnswered

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ON_MACOS: Final = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
_FEATURES_OFF: Final = (
    "HttpsUpgrades,Translate,OptimizationHints,MediaRouter,DialMediaRouteProvider,"
    "AutofillServerCommunication,CertificateTransparencyComponentUpdater,NetworkTimeServiceQuerying"
)
_FLAGS: Final = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--mute-audio",
    "--password-store=basic",
    "--use-mock-keychain",
    "--metrics-recording-only",
    "--no-pings",
    f"--disable-features={_FEATURES_OFF}",
    # The proxy is the only way out: no name is resolved here, loopback is no exception, and
    # WebRTC may not send by itself.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--proxy-bypass-list=<-loopback>",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--js-flags=--max-old-space-size=512",
    "--window-size=1280,900",
)
_LAST_LINES: Final = 400
_KILL: Final = timedelta(seconds=5)


class NotStarted(Exception):
    """The browser did not start; says why."""


class Chromium:
    """A running browser. ``devtools`` is the talk with it, ``pid`` its first process."""

    def __init__(self, process: asyncio.subprocess.Process, devtools: DevTools) -> None:
        self._process = process
        self.devtools = devtools
        self.pid = process.pid

    def measure_memory(self) -> int:
        """Resident bytes of its processes together."""
        total = 0
        for one in _list_family(self.pid):
            with contextlib.suppress(psutil.Error):
                total += int(one.memory_info().rss)
        return total


def find_chromium(configured: str) -> str:
    """The path of the browser: what is configured, or the first of the known names; or nothing."""
    if configured:
        return shutil.which(configured) or ""
    found = next((path for name in NAMES if (path := shutil.which(name))), "")
    return found or (_ON_MACOS if Path(_ON_MACOS).exists() else "")


@contextlib.asynccontextmanager
async def running_chromium(
    binary: str, *, profile: Path, proxy_port: int, pin: str, within: timedelta
) -> AsyncIterator[Chromium]:
    """A browser whose only way out is the proxy at this port, which presents the key with this pin.

    Raises NotStarted. Afterwards no process of it is left.
    """
    command = [
        binary,
        *_FLAGS,
        # Chromium's sandbox refuses to run as root: then, and only then, it does without.
        *(("--no-sandbox",) if os.geteuid() == 0 else ()),
        f"--user-data-dir={profile}",
        f"--proxy-server=http://127.0.0.1:{proxy_port}",
        f"--ignore-certificate-errors-spki-list={pin}",
        "about:blank",
    ]
    said = profile / "stderr"
    process = await _start(command, profile, said)
    assert process.stdout is not None
    assert process.stdin is not None
    devtools = DevTools(process.stdout, process.stdin)
    try:
        try:
            await devtools.call("Browser.getVersion", within=within)
        except NotAnswered as error:
            raise NotStarted(_read_end(said) or str(error)) from error
        yield Chromium(process, devtools)
    finally:
        family = _list_family(process.pid)
        await devtools.close()
        await _kill(process, family)


@contextlib.contextmanager
def fresh_profile(inside: Path | None) -> Iterator[Path]:
    """A private folder that is deleted afterwards, with whatever the browser put there.

    It is made ``inside`` a folder, or where the system has its temporary files.
    """
    folder = Path(tempfile.mkdtemp(prefix="firstparty-site-check-", dir=inside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _start(command: list[str], profile: Path, said: Path) -> asyncio.subprocess.Process:
    with said.open("wb") as errors:
        return await asyncio.create_subprocess_exec(
            # Chromium reads calls from 3 and answers on 4: a shell puts our pipes there.
            "/bin/sh",
            "-c",
            'exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null',
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=MAX_MESSAGE_BYTES,
            start_new_session=True,
            env=_build_environment(profile),
        )


def _build_environment(profile: Path) -> dict[str, str]:
    """Nothing of ours, whose environment may have secrets, but what a program needs to run."""
    kept = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "LC_ALL", "TZ"}}
    home = str(profile)
    return {**kept, "HOME": home, "TMPDIR": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home}


def _list_family(pid: int) -> list[psutil.Process]:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []


async def _kill(process: asyncio.subprocess.Process, family: list[psutil.Process]) -> None:
    # Its session is its own, so its group is all of it that has not left it on purpose.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for one in family:
        with contextlib.suppress(psutil.Error):
            one.kill()
    await process.wait()
    await asyncio.to_thread(psutil.wait_procs, family, _KILL.total_seconds())


def _read_end(said: Path) -> str:
    lines = said.read_text(errors="replace")[-_LAST_LINES:].strip().splitlines()
    return lines[-1] if lines else ""
