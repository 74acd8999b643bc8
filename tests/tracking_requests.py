"""Requests to a running product's API host, as clients send them and as they had better not."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from firstparty.model.messages import MAX_BATCH_BYTES, MAX_MESSAGE_BYTES
from tests.ingest_rig import Answer, a_request, basic, parse_answers
from tests.running import RunningDemo, trusting

PAGE: Final = "https://www.shop.test"
SECRET: Final = "hunter2-secret"  # planted wherever a client can put one
TYPES: Final = ("track", "page", "identify", "group", "alias", "screen")
Row = tuple[bytes, int, str]


class Client:
    """Plain HTTP/1.1 to the demo's API host, as the rows below are written."""

    def __init__(self, demo: RunningDemo, type_: str) -> None:
        self.demo = demo
        self.source = demo.source(type_)
        self.key: str = self.source["write_key"]
        self.host: str = demo.domain["api_host"]

    def ask(self, request: bytes) -> list[Answer]:
        """All that is answered, till the other side closes or we have what we wait for."""
        raw = socket.create_connection(("127.0.0.1", self.demo.https_port), timeout=60)
        with trusting(self.demo.ca).wrap_socket(raw, server_hostname=self.host) as connection:
            with suppress(OSError):  # it may have been answered before it was all there
                connection.sendall(request)
            answered = b""
            while part := connection.recv(65_536):
                answered += part
        return parse_answers(answered)

    def message(self, name: str, **fields: Any) -> bytes:
        said = {"type": "track", "event": "x", "userId": SECRET, "messageId": name}
        return json.dumps({"writeKey": self.key, **said, **fields}).encode()

    def post(self, body: bytes | None, target: str = "/v1/track", **headers: str) -> bytes:
        return self.request("POST", target, body, **headers)

    def request(self, method: str, target: str, body: bytes | None = None, **headers: str) -> bytes:
        last = {"Origin": PAGE, "Cookie": f"session={SECRET}", "Connection": "close"}
        return a_request(method, target, body=body, host=self.host, **(last | headers))


def accepted(client: Client) -> Iterator[tuple[str, bytes]]:
    """Requests that must be taken, by the id of the message each brings."""
    key, message, post = client.key, client.message, client.post
    for kind in TYPES:
        letter = kind[0]
        yield f"t3-{kind}", post(message(f"t3-{kind}"), f"/v1/{kind}")
        yield f"t3-{letter}", post(message(f"t3-{letter}"), f"/v1/{letter}/")
    for path in ("/v1/batch", "/v1/import", "/v1/import/", "/v1/b", "//v1//batch", "/v1/batch?x=1"):
        yield f"t3{path}", post(batch(client, message(f"t3{path}")), path)
    host = client.host
    absolute = f"https://{host}/v1/track"
    no_key = json.dumps({"type": "track", "messageId": "t3-basic"}).encode()
    yield "t3-absolute", post(message("t3-absolute"), absolute)
    yield "t3-percent", post(message("t3-percent"), "/v1/%74rack")
    old = post(message("t3-1.0")).replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)
    yield "t3-1.0", old
    yield "t3-basic", post(no_key, Authorization=basic(key))
    yield (
        "t3-no-colon",
        post(no_key.replace(b"basic", b"no-colon"), Authorization=basic(key, colon="")),
    )
    yield "t3-bearer", post(message("t3-bearer"), Authorization="Bearer token")
    for name, content_type in (("plain", "text/plain"), ("odd", "///"), ("none", "")):
        body = message(f"t3-type-{name}")
        yield (
            f"t3-type-{name}",
            post(body, **({"Content_Type": content_type} if content_type else {})),
        )
    yield "t3-gzip", post(gzip.compress(message("t3-gzip")), Content_Encoding="gzip")
    whole = message("t3-full", pad="")
    full = message("t3-full", pad="x" * (MAX_MESSAGE_BYTES - len(whole)))
    yield "t3-full", post(full)
    one = batch(client, message("t3-full-batch"))
    yield "t3-full-batch", post(one + b" " * (MAX_BATCH_BYTES - len(one)), "/v1/batch")
    yield "t3-half-emoji", post(message("t3-half-emoji", title="\ud83d"))
    yield "t3-twice", post(b'{"messageId":"t3-once",' + message("t3-twice")[1:])
    yield "t3-blank", post(b"\n " + message("t3-blank") + b"\r\n\t")
    chunks = message("t3-chunked")
    framed = b"5\r\n%b\r\n%x;a=1\r\n%b\r\n0\r\nX-T: 1\r\n\r\n" % (
        chunks[:5],
        len(chunks) - 5,
        chunks[5:],
    )
    yield "t3-chunked", post(None, Transfer_Encoding="chunked") + framed
    for kind in TYPES:
        query = f"writeKey={key}&userId=u&messageId=t3-pixel-{kind}&properties.subject=a%20b"
        yield f"t3-pixel-{kind}", client.request("GET", f"/v1/pixel/{kind}?{query}")


def batch(client: Client, *messages: bytes) -> bytes:
    return b'{"writeKey":"%b","batch":[%b]}' % (client.key.encode(), b",".join(messages))


def refused(client: Client) -> dict[str, Row]:
    """Requests that must be refused, each with the status and the code that say why."""
    message, post, request = client.message, client.post, client.request
    good = message("t3-never")
    zipped = gzip.compress(good)
    pad = b" " * (MAX_MESSAGE_BYTES - len(good) + 1)
    padded = b" " * (MAX_BATCH_BYTES - len(batch(client, good)) + 1)
    return {
        "get": (request("GET", "/v1/track"), 405, "method_not_allowed"),
        "put": (request("PUT", "/v1/track", good), 405, "method_not_allowed"),
        "trace": (request("TRACE", "/v1/track"), 405, "method_not_allowed"),
        "pixel by post": (post(good, "/v1/pixel/track"), 405, "method_not_allowed"),
        "another path": (post(good, "/v1/tracks"), 404, "unknown_path"),
        "upper case": (post(good, "/V1/track"), 404, "unknown_path"),
        "escaped slash": (post(good, "/v1%2ftrack"), 400, "bad_request"),
        "no key": (post(b'{"type":"track"}'), 401, "no_write_key"),
        "another key": (post(b'{"writeKey":"nobody"}'), 401, "unknown_write_key"),
        "another basic": (post(b"{}", Authorization=basic("nobody")), 401, "unknown_write_key"),
        "empty": (post(b""), 400, "empty_body"),
        "null": (post(b"null"), 400, "not_an_object"),
        "list": (post(b"[%b]" % good, "/v1/batch"), 400, "not_an_object"),
        "no list": (post(good, "/v1/batch"), 400, "no_batch"),
        "cut off": (post(good[:-1]), 400, "invalid_json"),
        "byte order mark": (post(b"\xef\xbb\xbf" + good), 400, "invalid_json"),
        "not a number": (post(good[:-1] + b',"a":NaN}'), 400, "invalid_json"),
        "latin-1": (post(good[:-1] + b',"a":"\xe9"}'), 400, "invalid_json"),
        "deep": (post(good[:-1] + b',"a":' + b"[" * 10_000 + b"}"), 400, "invalid_json"),
        "gzip said": (post(good, Content_Encoding="gzip"), 400, "invalid_gzip"),
        "gzip cut": (post(zipped[:-3], Content_Encoding="gzip"), 400, "invalid_gzip"),
        "gzip twice": (post(zipped * 2, Content_Encoding="gzip"), 400, "invalid_gzip"),
        "gzip and more": (post(zipped + b"x", Content_Encoding="gzip"), 400, "invalid_gzip"),
        "deflate": (
            post(zlib.compress(good), Content_Encoding="deflate"),
            415,
            "unsupported_encoding",
        ),
        "bomb": (
            post(gzip.compress(bytes(50_000_000)), "/v1/b", Content_Encoding="gzip"),
            413,
            "batch_too_large",
        ),
        "over a message": (post(good + pad), 413, "message_too_large"),
        "over a batch": (post(batch(client, good) + padded, "/v1/b"), 413, "batch_too_large"),
        "over a body": (post(b"x" * (600 * 1024 + 1), "/v1/batch"), 413, "payload_too_large"),
        "expectation": (post(good, Expect="tea"), 417, "unknown_expectation"),
    }
