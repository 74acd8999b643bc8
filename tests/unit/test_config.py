import os
import sys
from pathlib import Path

import pytest

from firstparty.config.addresses import ConfigError, parse_address
from firstparty.config.load import load_settings

AUTHORITY = "[certificates.authorities.zero]\ndirectory = 'https://zero.test/dir'\n"


def test_no_file_at_all_is_a_working_configuration() -> None:
    assert load_settings(None, {}).certificates.authority == "local"


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    file = tmp_path / "firstparty.toml"
    file.write_text('[edge]\nhttps = "127.0.0.1:8443"\n[ingest]\nprocesses = 2\n')

    settings = load_settings(
        file, {"FIRSTPARTY__EDGE__HTTPS": "127.0.0.1:9443", "FIRSTPARTY__INGEST__PROCESSES": "3"}
    )

    assert settings.edge.https == "127.0.0.1:9443"
    assert settings.ingest.processes == 3


@pytest.mark.skipif(sys.platform != "linux", reason="other systems bind no process to cores")
def test_there_is_one_ingest_process_for_each_core_that_we_may_use() -> None:
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(every)})
    try:
        on_one = load_settings(None, {}).ingest_processes
    finally:
        os.sched_setaffinity(0, every)
    chosen = load_settings(None, {"FIRSTPARTY__INGEST__PROCESSES": "3"}).ingest_processes

    assert on_one == 1
    assert load_settings(None, {}).ingest_processes == len(every)
    assert chosen == 3


def test_state_is_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "firstparty.toml"
    file.write_text('state = "here"\n')

    assert load_settings(file, {}).state_directory == tmp_path / "here"


def test_authorities_have_an_order_and_one_may_be_written_alone(tmp_path: Path) -> None:
    file = tmp_path / "firstparty.toml"
    file.write_text(f"[certificates]\nauthority = ['zero', 'local']\n{AUTHORITY}")
    several = load_settings(file, {}).certificates
    alone = load_settings(file, {"FIRSTPARTY__CERTIFICATES__AUTHORITY": "zero"}).certificates
    by_list = load_settings(file, {"FIRSTPARTY__CERTIFICATES__AUTHORITY": '["local"]'})

    assert several.in_order == ("zero", "local")
    assert alone.in_order == ("zero",)
    assert by_list.certificates.in_order == ("local",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[edge\n", "not TOML"),
        ("[egde]\n", "unknown field `egde`"),
        ("[edge]\nhtps = '1'\n", "edge: Object contains unknown field `htps`"),
        ("[ingest]\nprocesses = 'two'\n", "ingest.processes: Expected `int`, got `str`"),
        ("[edge]\nhttps = '443'\n", "edge.https: '443' is not ADDRESS:PORT"),
        ("[cdn]\nupstream = 'cdn.test'\n", "cdn.upstream: 'cdn.test' is not an origin"),
        ("[cdn]\nupstream = 'https://cdn.test/'\n", "is not an origin"),
        ("[certificates]\nauthority = 'zero'\n", "certificates.authority: 'zero' is neither"),
        ("[certificates]\nauthority = ['local', 'zero']\n", "authority: 'zero' is neither"),
        ("[certificates]\nauthority = []\n", "certificates.authority: name one at least"),
        (f"{AUTHORITY}eab_kid = 'k'\n", "eab_kid and eab_hmac_file belong together"),
        (f"{AUTHORITY}limits.duplicates = '5'\n", "limits.duplicates: '5' is not a rate"),
        (f"{AUTHORITY}limits.certs = '5/7d'\n", "unknown field `certs`"),
    ],
)
def test_a_broken_file_is_refused_in_one_line_with_file_key_and_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    file = tmp_path / "firstparty.toml"
    file.write_text(text)

    with pytest.raises(ConfigError) as refused:
        load_settings(file, {})

    assert str(refused.value).startswith(str(file))
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert parse_address("[::1]:53", key="x") == ("::1", 53)
    assert str(parse_address("[::1]:53", key="x")) == "[::1]:53"
