"""zonemaster and dnsviz on our zones, in a network of its own with its own root."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
# docs/nameserver.md has why: addresses of the lab, mail that nobody takes, a zone not signed.
EXPECTED = {"ADDRESS02", "DELEGATION01", "SYNTAX06", "ZONE09", "DNSSEC07", "UNSPECIFIED"}


def may_unshare() -> bool:
    try:
        return not subprocess.run(["unshare", "--net", "true"], check=False).returncode
    except OSError:
        return False


pytestmark = [
    pytest.mark.needs("zonemaster-cli"),
    pytest.mark.needs("dnsviz"),
    pytest.mark.needs("keymgr"),
    pytest.mark.needs("dig"),
    pytest.mark.skipif(not may_unshare(), reason="network namespaces need root"),
]


def ask_checkers(folder: Path, *arguments: str) -> dict[str, Any]:
    command = ["unshare", "--net", sys.executable, "-m", "tests.fakes.dns_lab", str(folder)]
    path = f"{REPOSITORY / 'src'}:{REPOSITORY}"
    done = subprocess.run(
        [*command, *arguments],
        cwd=REPOSITORY,
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return ask_checkers(tmp_path_factory.mktemp("lab"))


@pytest.mark.parametrize("name", ["cdp.shop.lab", "fp.lab"])
def test_zonemaster_finds_nothing_but_what_the_lab_lacks(told: dict[str, Any], name: str) -> None:
    messages = told["zonemaster"][name]
    surprising = [
        one
        for one in messages
        if one["level"] in {"ERROR", "CRITICAL"} or one.get("testcase", "").upper() not in EXPECTED
    ]

    assert messages
    assert surprising == []


def complaints(value: Any, path: str = "") -> Iterator[str]:
    """Every error and warning, with where it is."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("errors", "warnings"):
                yield from (f"{path}: {one}" for one in inner)
            yield from complaints(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from complaints(inner, path)


def test_dnsviz_finds_a_secure_chain_and_nothing_to_complain_of(told: dict[str, Any]) -> None:
    zones = told["dnsviz"]
    secure = {
        name: zones[name]["delegation"]["status"] for name in ("lab.", "shop.lab.", "cdp.shop.lab.")
    }

    assert set(secure.values()) == {"SECURE"}
    assert {"evs.cdp.shop.lab.", "api.cdp.shop.lab."} <= zones.keys()
    assert list(complaints(zones)) == []


def test_both_complain_of_a_wrong_ds(tmp_path: Path) -> None:
    told = ask_checkers(tmp_path, "wrong-ds")
    levels = {one["level"] for one in told["zonemaster"]["cdp.shop.lab"]}

    assert "ERROR" in levels
    assert told["dnsviz"]["cdp.shop.lab."]["delegation"]["status"] == "BOGUS"
    assert list(complaints(told["dnsviz"]))
