import json
from pathlib import Path

import pytest

from firstparty.cli.connection import Connection, find_connection
from firstparty.cli.errors import CommandFailed

HERE = {"url": "http://127.0.0.1:8080", "token": "fp_profile", "workspace": "wsp_profile"}


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    file = tmp_path / "profile.json"
    file.write_text(json.dumps(HERE))
    return file


def test_the_profile_of_this_machine_is_enough(profile: Path) -> None:
    assert find_connection({}, profile) == Connection(
        url="http://127.0.0.1:8080", token="fp_profile", workspace="wsp_profile"
    )


def test_the_environment_wins(profile: Path) -> None:
    environment = {
        "FIRSTPARTY_URL": "https://console.fp.test/",
        "FIRSTPARTY_TOKEN": "fp_environment",
        "FIRSTPARTY_WORKSPACE": "wsp_environment",
    }

    assert find_connection(environment, profile) == Connection(
        url="https://console.fp.test", token="fp_environment", workspace="wsp_environment"
    )


def test_the_profiles_token_goes_to_no_other_address(profile: Path) -> None:
    with pytest.raises(CommandFailed, match="no token for https://elsewhere"):
        find_connection({"FIRSTPARTY_URL": "https://elsewhere.test"}, profile)


def test_the_profiles_token_goes_to_its_own_address(profile: Path) -> None:
    assert find_connection({"FIRSTPARTY_URL": HERE["url"] + "/"}, profile).token == "fp_profile"


@pytest.mark.parametrize(
    "environment",
    [
        {"FIRSTPARTY_URL": "127.0.0.1:8080", "FIRSTPARTY_TOKEN": "fp_x"},
        {"FIRSTPARTY_URL": "ftp://fp.test", "FIRSTPARTY_TOKEN": "fp_x"},
        {"FIRSTPARTY_TOKEN": "fp_ü"},
        {"FIRSTPARTY_TOKEN": "fp_x\nHost: evil"},
    ],
)
def test_what_cannot_be_used_is_named(profile: Path, environment: dict[str, str]) -> None:
    with pytest.raises(CommandFailed, match=r"FIRSTPARTY_(URL|TOKEN)"):
        find_connection(environment, profile)


def test_without_any_product_the_sentence_says_what_to_do(profile: Path) -> None:
    profile.unlink()
    with pytest.raises(CommandFailed, match="firstparty serve"):
        find_connection({}, profile)


@pytest.mark.parametrize("text", ["{", "[]", "\x00"])
def test_a_broken_profile_is_named(profile: Path, text: str) -> None:
    profile.write_text(text)
    with pytest.raises(CommandFailed, match=r"profile\.json"):
        find_connection({}, profile)
