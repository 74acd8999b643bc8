"""The pages of the REST API, made of the OpenAPI document that this product serves."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from firstparty.console.pages import render_page
from firstparty.console.visits import Visit
from firstparty.errors import NotFound

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_TONES: Final = {"get": "good", "post": "busy", "put": "wait", "patch": "wait", "delete": "bad"}
_BODY: Final = "application/json"
_CODE: Final = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A part of the path or query, or a header."""

    name: str
    place: str
    is_required: bool
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation, with an example of asking for it and of its answer."""

    name: str
    method: str
    tone: str
    path: str
    title: str
    about: str
    parameters: tuple[Parameter, ...]
    curl: str
    status: str
    answer: str


def show_api(visit: Visit) -> Response:
    """All operations, by what they are about."""
    return render_page(visit, "api_docs.html", nouns=_read_nouns(visit), base_url=visit.base_url)


def show_api_of(visit: Visit) -> Response:
    """The operations about one thing, with examples."""
    noun, nouns = visit.path["noun"], _read_nouns(visit)
    if noun not in nouns:
        raise NotFound("page", noun)
    return render_page(visit, "api_docs_of.html", noun=noun, nouns=nouns, operations=nouns[noun])


def _read_nouns(visit: Visit) -> Mapping[str, list[Operation]]:
    document = visit.place.document() if visit.place.document else {"paths": {}}
    nouns: dict[str, list[Operation]] = {}
    for noun, operation in read_operations(document, base_url=visit.base_url):
        nouns.setdefault(noun, []).append(operation)
    return nouns


def read_operations(
    document: Mapping[str, Any], *, base_url: str
) -> Iterator[tuple[str, Operation]]:
    """What each operation of an OpenAPI document is about, and the operation."""
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                found = methods[method]
                noun = next(iter(found.get("tags", ())), "health")
                yield noun, _read_operation(path, method, found, base_url=base_url)


def _read_operation(
    path: str, method: str, found: Mapping[str, Any], *, base_url: str
) -> Operation:
    status, answer = _find_answer(found["responses"])
    title, _, about = found.get("description", found["operationId"]).partition("\n")
    return Operation(
        name=found["operationId"],
        method=method.upper(),
        tone=_TONES[method],
        path=path,
        title=_CODE.sub(r"\1", title),
        about=_CODE.sub(r"\1", about.strip()),
        parameters=tuple(map(_read_parameter, found.get("parameters", ()))),
        curl=_write_curl(path, method, found, base_url),
        status=status,
        answer=answer,
    )


def _read_parameter(one: Mapping[str, Any]) -> Parameter:
    return Parameter(
        name=one["name"],
        place=one["in"],
        is_required=one.get("required", False),
        about=_CODE.sub(r"\1", one.get("description", "")),
    )


def _write_curl(path: str, method: str, found: Mapping[str, Any], base_url: str) -> str:
    """The request with curl, as a shell takes it; the token is a variable."""
    query = []
    for one in found.get("parameters", ()):
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(one.get("example", "")))
        elif one["in"] == "query" and one.get("required"):
            query.append(f"{one['name']}={_example_of(one)}")
    address = base_url + path + ("?" + "&".join(query) if query else "")
    lines = [f"curl {shlex.quote(address)}"]
    if method != "get":
        lines[0] += f" -X {method.upper()}"
    if found.get("security"):
        lines.append('-H "Authorization: Bearer $FIRSTPARTY_TOKEN"')
    body = found.get("requestBody", {}).get("content", {}).get(_BODY)
    if body is not None:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d {shlex.quote(json.dumps(body.get('example'), indent=2))}")
    return " \\\n  ".join(lines)


def _example_of(parameter: Mapping[str, Any]) -> str:
    schema = parameter.get("schema", {})
    known = next(iter(schema.get("examples", ())), None)
    return str(known if known is not None else "VALUE")


def _find_answer(responses: Mapping[str, Any]) -> tuple[str, str]:
    """The status of success, and an example of its body; "" for one without."""
    for status, response in responses.items():
        if not status.startswith("2"):
            continue
        content = response.get("content", {})
        if _BODY in content:
            return status, json.dumps(content[_BODY].get("example"), indent=2, ensure_ascii=False)
        return status, "" if not content else f"({next(iter(content))})"
    return "", ""
