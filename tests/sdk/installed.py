"""SDKs that are not among the project's own packages, installed once into ``.setup/sdks``."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".setup" / "sdks"


def install_old_python() -> Path:
    """The folder with the older Python SDK, for PYTHONPATH."""
    folder = CACHE / "python-2.3.4"
    if not folder.is_dir():
        packages = ("segment-analytics-python==2.3.4", "backoff==2.2.1")  # the rest is there
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps")
        _install(folder, [*pip, "--target", "{folder}", *packages])
    return folder


def install_node6() -> Path:
    """The node_modules with the older Node SDK."""
    folder = CACHE / "node6"
    if not folder.is_dir():
        _install(folder, ["npm", "ci", "--ignore-scripts", "--silent"], files=HERE / "node6")
    return folder / "node_modules"


def build_go() -> Path:
    """The program with the Go SDK in it."""
    program = CACHE / "go" / "client"
    if not program.is_file():
        shutil.rmtree(program.parent, ignore_errors=True)
        _install(program.parent, ["go", "build", "-o", "{folder}/client", "."], files=HERE / "go")
    return program


def find_java_classes() -> str:
    """The class path with the Java SDK."""
    listed = CACHE / "java" / "classpath"
    if not listed.is_file():
        shutil.rmtree(listed.parent, ignore_errors=True)
        output = "-Dmdep.outputFile={folder}/classpath"
        command = ["mvn", "-q", "-B", "dependency:build-classpath", output]
        _install(listed.parent, command, files=HERE / "java")
    return listed.read_text()


def _install(folder: Path, command: list[str], *, files: Path | None = None) -> None:
    """Make ``folder`` by a command, whole or not at all; skips the test where it cannot be."""
    tool = command[0]
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    making = folder.with_suffix(".part")
    shutil.rmtree(making, ignore_errors=True)
    if files is None:
        making.mkdir(parents=True)
    else:
        shutil.copytree(files, making)
    try:
        done = subprocess.run(
            [part.format(folder=making) for part in command],
            cwd=making,
            capture_output=True,
            timeout=100,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{tool} could not install it in 100 s")
    if done.returncode:
        pytest.skip(f"{tool} could not install it: {done.stderr.decode()[-300:]}")
    making.rename(folder)
