"""What Envoy answers by itself in the running product, and that it never outlives a change."""

import os
import signal

import httpx

from tests.running import RunningDemo, until

GZIP = {"accept-encoding": "gzip"}


def test_envoy_serves_the_script_and_the_settings_while_the_cdn_role_stands_still(
    demo: RunningDemo,
) -> None:
    web = demo.source("javascript")
    urls = (
        web["alias_url"],
        web["script_url"],
        f"{demo.cdn_origin}/v1/projects/{web['write_key']}/settings",
    )
    by_python = [demo.request("GET", url, headers={"accept-encoding": "identity"}) for url in urls]
    cdn = demo.report["pids"]["cdn"]

    def by_envoy_alone() -> bool:
        """Whether all of them are answered although the role behind does not move."""
        os.kill(cdn, signal.SIGSTOP)
        try:
            return [demo.request("GET", url, headers=GZIP).text for url in urls] == [
                answer.text for answer in by_python
            ]
        except httpx.TransportError:  # nobody answered in time: not hot yet
            return False
        finally:
            os.kill(cdn, signal.SIGCONT)

    hot = until(by_envoy_alone, seconds=40)
    answer = demo.request("GET", urls[0], headers=GZIP)
    again = demo.request("GET", urls[0], headers=GZIP | {"if-none-match": answer.headers["etag"]})

    assert hot
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["etag"].endswith('-gzip"')
    assert answer.headers["content-type"].startswith("text/javascript")
    assert again.status_code == 304


def test_a_restore_is_not_held_up_by_what_is_hot(demo: RunningDemo) -> None:
    web = demo.source("javascript")

    def is_restored() -> bool:
        return "firstpartyApi" in demo.request("GET", web["alias_url"], headers=GZIP).text

    with demo.rest() as rest:
        rest.post(f"/api/v1/sources/{web['id']}/restore", json={})
        until(is_restored, seconds=40)
        rest.put(f"/api/v1/sources/{web['id']}/rollout", json={"share": 100})
        until(lambda: not is_restored(), seconds=40)
