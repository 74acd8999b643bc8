"""A real PostgreSQL of our own for tests: made in a folder, on a free port, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fakes.ports import free_ports

_FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def find_postgres() -> Path | None:
    """The folder of its programs, which Debian keeps off the PATH."""
    found = shutil.which("initdb")
    folders = (*_FOLDERS, *([Path(found).resolve().parent] if found else []))
    return next((folder for folder in folders if (folder / "pg_isready").exists()), None)


@contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of an empty database. It refuses to run as root: there it runs as ``postgres``."""
    programs = find_postgres()
    assert programs is not None
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        who: dict[str, int] = {}
        if os.getuid() == 0:
            account = pwd.getpwnam("postgres")
            who = {"user": account.pw_uid, "group": account.pw_gid}
            os.chown(folder, account.pw_uid, account.pw_gid)
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                "firstparty",
                "-A",
                "trust",
                "-N",
                "-E",
                "UTF8",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            extra_groups=[] if who else None,
            **who,
        )
        settings = (f"port={port}", f"unix_socket_directories={folder}", "fsync=off")
        options = [word for setting in settings for word in ("-c", setting)]
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            extra_groups=[] if who else None,
            **who,
        )
        try:
            _wait(programs, port)
            yield f"postgresql://firstparty@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()  # at once for new connections; those of the tests are closed
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait(programs: Path, port: int) -> None:
    subprocess.run(
        [
            "bash",
            "-c",
            f"until {programs}/pg_isready -q -h 127.0.0.1 -p {port}; do sleep 0.05; done",
        ],
        check=True,
        timeout=30,
    )
