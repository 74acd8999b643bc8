import json
from pathlib import Path

import pytest

from firstparty.config.addresses import Address, ConfigError
from firstparty.edge.bootstrap import EdgeLayout, build_bootstrap
from firstparty.edge.envoy import build_command, find_envoy, parse_version

BINARY = Path("/opt/envoy")


def a_layout(*, has_access_log: bool = False) -> EdgeLayout:
    return EdgeLayout(
        https=Address("0.0.0.0", 443),
        http=Address("0.0.0.0", 80),
        ads_socket=Path("/run/ads.sock"),
        acme_socket=Path("/run/acme.sock"),
        cdn_socket=Path("/run/cdn.sock"),
        ingest_sockets=(Path("/run/ingest-0.sock"), Path("/run/ingest-1.sock")),
        admin_socket=Path("/run/admin.sock"),
        console_socket=Path("/run/console.sock"),
        has_access_log=has_access_log,
    )


@pytest.mark.parametrize(
    "output",
    ["/opt/envoy  version: 9e5580933/1.40.0/Clean/RELEASE/BoringSSL\n", "version: ab/1.41.2/Clean"],
)
def test_the_oldest_usable_envoy_and_later_ones_are_taken(output: str) -> None:
    assert parse_version(output, binary=BINARY) >= (1, 40, 0)


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("version: ab/1.39.4/Clean/RELEASE", "is 1.39.4; 1.40.0 or later is needed"),
        ("nginx version: nginx/1.28", "does not say that it is Envoy"),
        ("", "does not say that it is Envoy"),
    ],
)
def test_an_older_envoy_or_something_else_is_refused_with_the_reason(
    output: str, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        parse_version(output, binary=BINARY)


def test_a_setting_that_names_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"edge\.envoy"):
        find_envoy(str(tmp_path / "nothing"))


def test_the_command_names_workers_only_if_asked_for() -> None:
    bare = build_command(binary=BINARY, bootstrap=Path("/b.json"))

    assert "--concurrency" not in bare
    assert build_command(binary=BINARY, bootstrap=Path("/b.json"), concurrency=2)[-1] == "2"


def test_each_ingest_process_is_an_endpoint() -> None:
    clusters = build_bootstrap(a_layout())["static_resources"]["clusters"]
    ingest = next(cluster for cluster in clusters if cluster["name"] == "ingest")
    (group,) = ingest["load_assignment"]["endpoints"]

    assert [each["endpoint"]["address"]["pipe"]["path"] for each in group["lb_endpoints"]] == [
        "/run/ingest-0.sock",
        "/run/ingest-1.sock",
    ]


def test_requests_are_not_logged_unless_asked_for() -> None:
    assert "access_log" not in json.dumps(build_bootstrap(a_layout()))


def test_the_access_log_has_no_address_cookie_or_path() -> None:
    logged = json.dumps(build_bootstrap(a_layout(has_access_log=True)))
    _, _, log = logged.partition('"access_log"')
    fields = log.partition("}}}]")[0]

    assert "%RESPONSE_CODE%" in fields
    assert not [word for word in ("REMOTE_ADDRESS", "COOKIE", "PATH", "AGENT") if word in fields]
