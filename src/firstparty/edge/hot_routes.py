"""Routes that answer by themselves: for a plain GET of somebody who has no copy yet.

The CDN role answers all others, so a route here says no more than is certain: Accept-Encoding
without weights that names the encoding (RFC 9110 §12.5.3), and no condition.
"""

from collections.abc import Iterable
from typing import Any, Final

from firstparty.edge.connection import BODY_FILTER, GATE_FILTER
from firstparty.edge.hot import HotAnswer
from firstparty.edge.route_messages import APPEND, without_filters

_NO_FILTERS: Final = without_filters(GATE_FILTER, BODY_FILTER)


def build_hot_routes(path: str, answers: Iterable[HotAnswer]) -> list[dict[str, Any]]:
    """One route for each encoding, in the order of ``answers``: the first that is taken is sent."""
    return [_build_route(path, answer) for answer in answers]


def _build_route(path: str, answer: HotAnswer) -> dict[str, Any]:
    takes = f"(?:[^;]*[ ,])?{answer.encoding}(?:[ ,][^;]*)?"
    return {
        "match": {
            "path": path,
            "headers": [
                {"name": ":method", "string_match": {"exact": "GET"}},
                {"name": "accept-encoding", "string_match": {"safe_regex": {"regex": takes}}},
                {"name": "if-none-match", "present_match": True, "invert_match": True},
            ],
        },
        "direct_response": {"status": 200, "body": {"inline_bytes": answer.body}},
        "response_headers_to_add": [
            # Nothing is there yet, so there is nothing to look for and overwrite.
            {"header": {"key": name, "value": value.replace("%", "%%")}, "append_action": APPEND}
            for name, value in answer.headers
        ],
        "typed_per_filter_config": _NO_FILTERS,
    }
