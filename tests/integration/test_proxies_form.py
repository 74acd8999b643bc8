"""What is generated for services that cannot be run here: its form, by the field's own tools."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from firstparty.proxies.generate import generate
from firstparty.proxies.model import Proxy, Upstream

CFN_LINT = Path(sys.executable).with_name("cfn-lint")  # of the same virtual environment
CACHED = pytest.mark.parametrize("is_cached", [True, False])


def write(provider: str, folder: Path, *, is_cached: bool = True) -> None:
    proxy = Proxy(
        cdn_host="evs.shop.com",
        api_host="api.shop.com",
        cdn=Upstream(host="cdn.segment.com"),
        api=Upstream(host="api.segment.io"),
        write_key="key123",
        is_cached=is_cached,
    )
    for file in generate(provider, proxy).files:
        (folder / file.path).write_text(file.text)


def run(*command: str, folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@CACHED
@pytest.mark.skipif(not CFN_LINT.exists(), reason="cfn-lint is not installed")
def test_cloudformation_takes_the_template(tmp_path: Path, *, is_cached: bool) -> None:
    write("cloudfront", tmp_path, is_cached=is_cached)

    run(
        *(str(CFN_LINT), "--regions", "us-east-1", "--", "cloudfront.yaml"),
        folder=tmp_path,
    )


@CACHED
@pytest.mark.needs("terraform")
def test_terraform_has_nothing_to_reformat(tmp_path: Path, *, is_cached: bool) -> None:
    write("cloudfront", tmp_path, is_cached=is_cached)

    run("terraform", "fmt", "-check", "-diff", "cloudfront.tf", folder=tmp_path)


@pytest.mark.needs("node")
def test_the_function_of_cloudfront_drops_cookies_and_nothing_else(tmp_path: Path) -> None:
    write("cloudfront", tmp_path)
    text = (tmp_path / "cloudfront.tf").read_text()
    code = text.partition("<<-EOT\n")[2].partition("EOT\n")[0]
    request = {"uri": "/v1/t", "headers": {"a": {"value": "1"}}, "cookies": {"s": {"value": "1"}}}
    event = json.dumps({"request": request})
    shown = run(
        "node", "-e", f"{code}; console.log(JSON.stringify(handler({event})))", folder=tmp_path
    )

    assert json.loads(shown) == request | {"cookies": {}}
    assert "request.cookies = {};" in (tmp_path / "cloudfront.yaml").read_text()


@CACHED
def test_cloudfront_keeps_no_message_and_gets_the_write_key_through(
    tmp_path: Path, *, is_cached: bool
) -> None:
    write("cloudfront", tmp_path, is_cached=is_cached)
    _, _, rest = (tmp_path / "cloudfront.yaml").read_text().partition("DefaultCacheBehavior:")
    api, _, cdn = rest.partition("CacheBehaviors:")

    for rule in (
        "TargetOriginId: api",
        "https-only",
        "# CachingDisabled",
        "POST",
        "AllViewerExcept",
    ):
        assert rule in api
    assert "redirect-to-https" not in api
    assert cdn.count("CachingOptimized") == (1 if is_cached else 0)
