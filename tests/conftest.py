"""Skips a test whose tool this machine lacks, with the reason; in CI a skip is a failure."""

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Set by .ci/run, where every tool is installed: what is skipped there would never be tested.
_SKIP_NOTHING = "FIRSTPARTY_TESTS_SKIP_NOTHING"

# How long an example takes says how busy the machine is. And a landing must not depend on luck: CI
# tries the same examples each time, people try new ones.
settings.register_profile("people", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("people"), derandomize=True)
settings.load_profile("ci" if {"CI", _SKIP_NOTHING} & os.environ.keys() else "people")


# Debian keeps the programs of PostgreSQL, of which it has several versions, off the PATH.
_PATH = ":".join(
    (os.environ["PATH"], "/usr/sbin", "/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin")))
)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for tool in mark.args:
            if shutil.which(tool, path=_PATH) is None:
                pytest.skip(f"{tool} is not installed (make setup installs it on Debian)")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    is_optional = item.get_closest_marker("optional_toolchain") is not None
    if report.skipped and not is_optional and os.environ.get(_SKIP_NOTHING):
        report.outcome = "failed"
        report.longrepr = f"{_SKIP_NOTHING} is set, but this was skipped: {report.longrepr}"
    return report
