"""What the edge answers to what it does not serve."""

import json
import socket
import ssl

import pytest

from tests.running import RunningDemo, find_files_with, trusting

MESSAGE = json.dumps({"type": "track", "event": "x", "userId": "u"}).encode()


def _handshake(demo: RunningDemo, name: str) -> None:
    raw = socket.create_connection(("127.0.0.1", demo.https_port), timeout=30)
    with trusting(demo.ca).wrap_socket(raw, server_hostname=name):
        pass


def test_an_unknown_server_name_is_refused_in_the_handshake(demo: RunningDemo) -> None:
    with pytest.raises(ssl.SSLError, match="alert"):
        _handshake(demo, "evs.other.test")


def test_the_host_of_another_domain_is_misdirected(demo: RunningDemo) -> None:
    answer = demo.request(
        "GET", f"{demo.cdn_origin}/v1/projects/x/settings", headers={"host": "evs.other.test"}
    )

    assert answer.status_code == 421


def test_an_unknown_write_key_is_refused_by_name(demo: RunningDemo) -> None:
    answer = demo.request(
        "POST",
        f"{demo.api_origin}/v1/track",
        headers={"authorization": "Basic bm9ib2R5Og=="},
        body=MESSAGE,
    )

    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] == "unknown_write_key"
    assert set(answer.json()) >= {"success", "code", "message", "error"}


def test_an_unknown_path_of_the_cdn_host_has_the_text_that_clients_match(demo: RunningDemo) -> None:
    answer = demo.request("GET", f"{demo.cdn_origin}/nothing/here.js")

    assert answer.status_code == 404
    assert "Cannot GET - Invalid path or write key provided." in answer.text


def test_an_unknown_path_of_the_api_host_is_json(demo: RunningDemo) -> None:
    answer = demo.request("POST", f"{demo.api_origin}/v1/nothing", body=MESSAGE)

    assert answer.status_code == 404
    assert answer.json()["success"] is False


def test_plain_http_moves_to_https_without_losing_the_method(demo: RunningDemo) -> None:
    http_port = demo.report["edge"]["http"].rpartition(":")[2]
    with socket.create_connection(("127.0.0.1", int(http_port)), timeout=30) as raw:
        raw.sendall(
            f"POST /v1/track HTTP/1.1\r\nHost: {demo.domain['api_host']}\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        head = raw.recv(4096).decode()

    assert head.startswith("HTTP/1.1 308")
    assert f"location: {demo.api_origin}/v1/track" in head.lower()


def test_a_site_cookie_goes_no_further_than_the_edge(demo: RunningDemo) -> None:
    source = demo.source("python")
    message = {"type": "track", "event": "x", "userId": "u", "messageId": "with-cookie"}
    answer = demo.request(
        "POST",
        f"{demo.api_origin}/v1/track",
        headers={"cookie": "session=do-not-keep"},
        body=json.dumps(message | {"writeKey": source["write_key"]}).encode(),
    )

    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert find_files_with(demo.state, "do-not-keep") == []
