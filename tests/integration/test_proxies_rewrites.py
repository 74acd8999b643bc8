"""The rewrites for Vercel and Netlify, read and followed by the platforms' own npm packages."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from firstparty.proxies.generate import generate
from firstparty.proxies.model import Proxy, Upstream

REPOSITORY = Path(__file__).parents[2]
NODE = shutil.which("node")
NODE_MODULES = REPOSITORY / "node_modules"
PACKAGES = ("@vercel/routing-utils", "@netlify/redirect-parser", "netlify-redirector")
pytestmark = pytest.mark.skipif(
    NODE is None or not all((NODE_MODULES / name).is_dir() for name in PACKAGES),
    reason="node with the platforms' npm packages is missing: run npm ci",
)
CDN = "https://cdn.segment.com"
API = "https://api.segment.io:8443"
TARGETS = {
    "/v1/projects/key/settings": CDN,
    "/v1/projects/key/integrations": CDN,
    "/analytics.js/v1/key/analytics.min.js": CDN,
    "/analytics-next/bundles/a.bundle.1.js": CDN,
    "/next-integrations/actions/a/1.js": CDN,
    "/next-integrations/integrations/amplitude/3.3.3/amplitude.dynamic.js.gz": CDN,
    "/v1/t": API,
    "/v1/batch": API,
    "/v1/projectsx": API,
    "/v1/import/": API,  # as some SDKs write it
}
ELSEWHERE = ("/", "/index.html", "/v2/t", "/v1x/t", "/a/v1/t", "/analytics.jsx/v1/key/a.js")
PLATFORMS = pytest.mark.parametrize(
    ("platform", "name"), [("vercel", "vercel.json"), ("netlify", "netlify.toml")]
)


def build(platform: str) -> str:
    proxy = Proxy(
        cdn_host="evs.shop.com",
        api_host="api.shop.com",
        cdn=Upstream(host="cdn.segment.com"),
        api=Upstream(host="api.segment.io", port=8443),
        write_key="key123",
    )
    (file,) = generate(platform, proxy).files
    return file.text


def follow(platform: str, file: Path, *paths: str) -> Any:
    script = REPOSITORY / "tests" / "fakes" / "platform_routes.mjs"
    done = subprocess.run(
        [str(NODE), str(script), str(NODE_MODULES), platform, str(file), *paths],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@PLATFORMS
def test_the_platforms_own_parser_leads_every_path_to_its_upstream(
    tmp_path: Path, platform: str, name: str
) -> None:
    (tmp_path / name).write_text(build(platform))
    found = follow(platform, tmp_path / name, *TARGETS)

    assert found["errors"] == []
    # No target has a query of its own, so that of the request goes on as it is.
    assert found["targets"] == {path: origin + path for path, origin in TARGETS.items()}


@PLATFORMS
def test_the_platforms_own_parser_leads_nothing_else_anywhere(
    tmp_path: Path, platform: str, name: str
) -> None:
    (tmp_path / name).write_text(build(platform))
    found = follow(platform, tmp_path / name, *ELSEWHERE)

    assert found["targets"] == dict.fromkeys(ELSEWHERE)


@pytest.mark.parametrize(
    ("platform", "name", "good", "bad", "error"),
    [
        ("vercel", "vercel.json", '/v1/:path"', '/v1/:rest"', "not in `source`"),
        ("vercel", "vercel.json", "(.*)", "(.*", "invalid `source`"),
        ("netlify", "netlify.toml", "from", "form", 'Missing "from" field'),
    ],
)
def test_the_platforms_own_parser_refuses_a_damaged_file(
    tmp_path: Path, platform: str, name: str, good: str, bad: str, error: str
) -> None:
    """The control: a file with a fault is not taken."""
    text = build(platform)
    (tmp_path / name).write_text(text.replace(good, bad))
    found = follow(platform, tmp_path / name)

    assert good in text
    assert error in found["errors"][0]


@pytest.mark.parametrize(
    ("platform", "name", "good", "bad", "path", "target"),
    [
        ("vercel", "vercel.json", "/:path(.*)", "/:path*", "/v1/import/", None),
        ("vercel", "vercel.json", "/v1/projects/", "/v1/x/", "/v1/projects/a", API),
        ("netlify", "netlify.toml", "/v1/projects/", "/v1/x/", "/v1/projects/a", API),
        ("netlify", "netlify.toml", "status = 200", "status = 301", "/v1/t", None),
    ],
)
def test_the_platforms_own_parser_shows_a_rule_that_leads_elsewhere(
    *, tmp_path: Path, platform: str, name: str, good: str, bad: str, path: str, target: str | None
) -> None:
    """The control: what the tests above assert does not hold for other rules."""
    text = build(platform)
    (tmp_path / name).write_text(text.replace(good, bad))
    found = follow(platform, tmp_path / name, path)

    assert good in text
    assert found["errors"] == []
    assert found["targets"][path] == (target and target + path)
