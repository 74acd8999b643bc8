"""What a snippet says of one source of one domain."""

from dataclasses import dataclass
from urllib.parse import urlencode

from firstparty.model.hosts import HTTPS_PORT, build_authority


@dataclass(frozen=True, slots=True, kw_only=True)
class SnippetFacts:
    """A source's write key, and where its domain is served.

    ``alias`` is the script's path without slash in front and without extension. ``https_port``
    is the edge's port as the public sees it. ``says_api_host``: an HTML snippet names the API host
    itself, since the settings that it loads name another.
    """

    write_key: str
    cdn_host: str
    api_host: str
    alias: str
    https_port: int = HTTPS_PORT
    says_api_host: bool = False

    @property
    def cdn_origin(self) -> str:
        """``https://evs.example.com``, no slash at the end."""
        return f"https://{build_authority(self.cdn_host, self.https_port)}"

    @property
    def api_origin(self) -> str:
        """``https://api.example.com``: for SDKs that add the path themselves."""
        return f"https://{build_authority(self.api_host, self.https_port)}"

    @property
    def api_base(self) -> str:
        """``api.example.com/v1``: for Analytics.js, which wants no scheme and the ``/v1``."""
        return f"{build_authority(self.api_host, self.https_port)}/v1"

    @property
    def api_authority(self) -> str:
        """``api.example.com``, with the port where it is not 443: for PHP."""
        return build_authority(self.api_host, self.https_port)

    @property
    def cdn_base(self) -> str:
        """``evs.example.com/v1``: where mobile SDKs and C# read the source's settings."""
        return f"{build_authority(self.cdn_host, self.https_port)}/v1"

    @property
    def api_url(self) -> str:
        """``https://api.example.com/v1``: for React Native."""
        return f"{self.api_origin}/v1"

    @property
    def cdn_url(self) -> str:
        """``https://evs.example.com/v1``: for React Native."""
        return f"{self.cdn_origin}/v1"

    @property
    def track_url(self) -> str:
        """Where plain HTTP tracks an event."""
        return f"{self.api_origin}/v1/track"

    @property
    def pixel_url(self) -> str:
        """An image that tracks an event, its fields as a pixel's query has them."""
        fields = {"writeKey": self.write_key, "userId": "user-1", "event": "Email Opened"}
        return f"{self.api_origin}/v1/pixel/track?{urlencode(fields)}"

    @property
    def script_url(self) -> str:
        """The script by its standard path, which names the write key."""
        return f"{self.cdn_origin}/analytics.js/v1/{self.write_key}/analytics.min.js"

    @property
    def settings_url(self) -> str:
        """The source's settings, as they are served."""
        return f"{self.cdn_origin}/v1/projects/{self.write_key}/settings"

    @property
    def alias_url(self) -> str:
        """The script by its alias."""
        return f"{self.cdn_origin}/{self.alias}.min.js"
