"""The body of a form: bounded, one encoding, every value text."""

import asyncio
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

from firstparty.console.visits import Form

MAX_BYTES: Final = 64 * 1024
MAX_FIELDS: Final = 500
_READ_SECONDS: Final = 20
_ENCODING: Final = "application/x-www-form-urlencoded"


async def read_form(request: Request) -> Form:
    """The form that a browser sent; raises HTTPException for what no page of ours sends."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = b""
    try:
        async with asyncio.timeout(_READ_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    except TimeoutError as error:
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from error
    if not body:
        return Form()
    if kind != _ENCODING:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    return parse_form(body)


def parse_form(body: bytes) -> Form:
    """The fields of a form; bytes that are not UTF-8 become U+FFFD. Raises HTTPException."""
    try:
        fields = parse_qs(
            body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MAX_FIELDS
        )
    except ValueError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST) from error
    return Form(fields=fields)
