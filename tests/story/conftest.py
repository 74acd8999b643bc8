"""One demo for the whole folder: every test looks at the same running product."""

from collections.abc import Iterator

import pytest

from tests.running import RunningDemo, running_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with running_demo(tmp_path_factory.mktemp("story") / "demo") as running:
        yield running
