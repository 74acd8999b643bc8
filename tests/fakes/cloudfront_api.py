"""CloudFront's API, simulated by moto, given what a CloudFormation template describes.

CloudFormation's names for the same things differ a little: lists have no counts there.
"""

from collections.abc import Mapping
from typing import Any

import boto3
import yaml
from moto import mock_aws

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0f0a"
FUNCTION = "arn:aws:cloudfront::123456789012:function/drop-cookies"
_NAMES = {
    "OriginSSLProtocols": "OriginSslProtocols",
    "AcmCertificateArn": "ACMCertificateArn",
    "SslSupportMethod": "SSLSupportMethod",
    "IPV6Enabled": "IsIPV6Enabled",
}
# What CloudFormation fills in by itself.
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "CustomOriginConfig": {"HTTPPort": 80},
    "DistributionConfig": {"CallerReference": "once"},
}


class _Loader(yaml.SafeLoader):
    """Reads the intrinsic functions of the template as the values that they would have."""


_Loader.add_constructor("!Ref", lambda _loader, _node: CERTIFICATE)
_Loader.add_constructor("!GetAtt", lambda _loader, _node: FUNCTION)
_Loader.add_constructor("!Sub", lambda loader, node: loader.construct_scalar(node))


def create_distribution(template: str) -> Mapping[str, Any]:
    """The distribution of the template as the API has it; raises what the API refuses."""
    resources = yaml.load(template, _Loader)["Resources"]
    wanted = resources["Proxy"]["Properties"]["DistributionConfig"]
    with mock_aws():
        client = boto3.client(
            "cloudfront",
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        # botocore refuses what the service's own model does not know, or wants and does not get.
        made = client.create_distribution(DistributionConfig=_convert("DistributionConfig", wanted))
        found = client.get_distribution_config(Id=made["Distribution"]["Id"])
    config: Mapping[str, Any] = found["DistributionConfig"]
    return config


def _convert(name: str, value: Any) -> Any:
    if isinstance(value, list):
        items = [_convert("", one) for one in value]
        counted: dict[str, Any] = {"Quantity": len(items), "Items": items}
        if name == "AllowedMethods":
            counted["CachedMethods"] = {"Quantity": 2, "Items": ["GET", "HEAD"]}
        return counted
    if not isinstance(value, dict):
        return value
    converted = {_NAMES.get(key, key): _convert(key, one) for key, one in value.items()}
    return dict(_DEFAULTS.get(name, {})) | converted
