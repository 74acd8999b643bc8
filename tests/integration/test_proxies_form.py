"""What is generated for services that cannot be run here: its form, by the field's own tools."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from botocore.exceptions import ParamValidationError
from kubernetes_validate import ValidationError, validate

from firstparty.proxies.generate import generate
from firstparty.proxies.model import Proxy, Upstream
from tests.fakes.cloudfront_api import create_distribution

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
def test_cloudfronts_api_takes_the_distribution(tmp_path: Path, *, is_cached: bool) -> None:
    write("cloudfront", tmp_path, is_cached=is_cached)
    made = create_distribution((tmp_path / "cloudfront.yaml").read_text())
    api, cdn = made["DefaultCacheBehavior"], made["CacheBehaviors"]["Items"]
    origins = {one["Id"]: one["DomainName"] for one in made["Origins"]["Items"]}

    assert origins == {"cdn": "cdn.segment.com", "api": "api.segment.io"}
    assert set(api["AllowedMethods"]["Items"]) >= {"GET", "HEAD", "OPTIONS", "POST"}
    assert api["ViewerProtocolPolicy"] == "https-only"
    assert len(cdn) == (5 if is_cached else 4)
    assert {one["TargetOriginId"] for one in cdn} == {"cdn"}


def test_cloudfronts_api_refuses_a_distribution_without_an_origin(tmp_path: Path) -> None:
    """The control: a template with a fault is not taken."""
    write("cloudfront", tmp_path)
    text = (tmp_path / "cloudfront.yaml").read_text()
    broken = text.replace("TargetOriginId: api", "TargetOriginName: api")

    with pytest.raises(ParamValidationError, match="TargetOriginName"):
        create_distribution(broken)


@CACHED
@pytest.mark.parametrize(
    ("provider", "file", "blocks"),
    [("cloudfront", "cloudfront.tf", 2), ("cloudflare-rules", "cloudflare.tf", 6)],
)
def test_the_terraform_files_are_hcl(
    tmp_path: Path, provider: str, file: str, blocks: int, *, is_cached: bool
) -> None:
    hcl = pytest.importorskip("hcl2")
    write(provider, tmp_path, is_cached=is_cached)

    assert len(hcl.loads((tmp_path / file).read_text())["resource"]) == blocks


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


def follow(rules: list[tuple[str, str]], path: str) -> str | None:
    """Where the first rule that fits sends ``path``; a rule ends in ``*`` or fits exactly."""
    for source, target in rules:
        if source == path:
            return target
        if source.endswith("*") and path.startswith(source[:-1]):
            return target.removesuffix("*") + path.removeprefix(source[:-1])
    return None


PATHS = {
    "/v1/projects/key/settings": "https://cdn.segment.com",
    "/analytics.js/v1/key/analytics.min.js": "https://cdn.segment.com",
    "/analytics-next/bundles/a.bundle.1.js": "https://cdn.segment.com",
    "/next-integrations/actions/a/1.js": "https://cdn.segment.com",
    "/v1/t": "https://api.segment.io",
    "/v1/batch": "https://api.segment.io",
}


def test_the_manifests_are_what_kubernetes_takes(tmp_path: Path) -> None:
    write("kubernetes", tmp_path)
    documents = list(yaml.safe_load_all((tmp_path / "ingress.yaml").read_text()))
    versions = [validate(one, "1.34", strict=True) for one in documents]
    documents[1]["spec"]["rulez"] = []

    assert versions == ["1.34"] * 4
    with pytest.raises(ValidationError, match="rulez"):
        validate(documents[1], "1.34", strict=True)


def test_the_ingress_leads_every_path_to_its_upstream(tmp_path: Path) -> None:
    write("kubernetes", tmp_path)
    documents = list(yaml.safe_load_all((tmp_path / "ingress.yaml").read_text()))
    hosts = {
        one["metadata"]["name"]: one["spec"]["externalName"]
        for one in documents
        if one["kind"] == "Service"
    }
    ingresses = [one for one in documents if one["kind"] == "Ingress"]
    for host in ("evs.shop.com", "api.shop.com"):
        rules = [
            (
                f"{path['path']}*",
                f"https://{hosts[path['backend']['service']['name']]}{path['path']}",
            )
            for one in ingresses
            for rule in one["spec"]["rules"]
            if rule["host"] == host
            for path in rule["http"]["paths"]
        ]
        # Of the prefixes that fit, the longest wins: Kubernetes' own rule.
        rules.sort(key=lambda rule: -len(rule[0]))

        assert {path: follow(rules, path) for path in PATHS} == targets()
    assert len(documents) == 4
    for one in ingresses:
        notes = one["metadata"]["annotations"]
        vhost = notes["nginx.ingress.kubernetes.io/upstream-vhost"]

        assert vhost == hosts[one["metadata"]["name"]]
        assert notes["nginx.ingress.kubernetes.io/proxy-ssl-name"] == vhost


@pytest.mark.needs("node")
def test_nexts_rewrites_lead_every_path_to_its_upstream(tmp_path: Path) -> None:
    write("nextjs", tmp_path)
    script = (
        "import('./next.config.mjs').then(async (config) =>"
        " console.log(JSON.stringify(await config.default.rewrites())))"
    )
    found = json.loads(run("node", "-e", script, folder=tmp_path))["beforeFiles"]
    rules = [
        (one["source"].replace(":path*", "*"), one["destination"].replace(":path*", "*"))
        for one in found
    ]

    assert {path: follow(rules, path) for path in PATHS} == targets()
    assert follow(rules, "/v1/import/") == "https://api.segment.io/v1/import/"


@CACHED
def test_fastlys_vcl_has_both_backends_and_closes_what_it_opens(
    tmp_path: Path, *, is_cached: bool
) -> None:
    write("fastly", tmp_path, is_cached=is_cached)
    text = (tmp_path / "main.vcl").read_text()

    assert '.host_header = "cdn.segment.com";' in text
    assert '.host_header = "api.segment.io";' in text
    assert text.count("{") == text.count("}")
    assert ("return(lookup)" in text) == is_cached
    assert all(f"#FASTLY {name}" in text for name in ("recv", "fetch", "error"))


def targets() -> dict[str, str]:
    return {path: origin + path for path, origin in PATHS.items()}
