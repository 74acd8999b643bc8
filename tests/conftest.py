"""Skips a test whose tool this machine lacks, with the reason; in CI that is a failure."""

import os
import shutil

import pytest

_CI = "FIRSTPARTY_TESTS_SKIP_NOTHING"


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for tool in mark.args:
            if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
                reason = f"{tool} is not installed (make setup installs it on Debian)"
                if os.environ.get(_CI):
                    pytest.fail(f"CI skips nothing, but {reason}")
                pytest.skip(reason)
