"""Metrics of single roles, each counted by its role: part of the catalogue."""

from typing import Final

from firstparty.serve.metrics.metric import Metric

FEED_REVISION: Final = Metric(
    name="firstparty_feed_revision",
    kind="gauge",
    help="Up to which revision of the feed a role in front has everything.",
    labels=("role",),
    told_by="roles in front",
)
FEED_PUBLISHED: Final = Metric(
    name="firstparty_feed_published_revision",
    kind="gauge",
    help="The newest revision of the feed that control's store has.",
    told_by="control",
)
DNS_ANSWERS: Final = Metric(
    name="firstparty_dns_answers_total",
    kind="counter",
    help="Answers of the nameserver by response code, over UDP and TCP.",
    labels=("rcode",),
    told_by="nameserver",
    from_start=(("NOERROR",), ("NXDOMAIN",), ("REFUSED",)),
)
DNS_UNANSWERED: Final = Metric(
    name="firstparty_dns_unanswered_total",
    kind="counter",
    help="Messages that got no answer: over the rate limit, or no queries.",
    told_by="nameserver",
)
DNS_ZONES: Final = Metric(
    name="firstparty_dns_zones",
    kind="gauge",
    help="Zones that the nameserver answers.",
    told_by="nameserver",
)
STEPS: Final = Metric(
    name="firstparty_reconciler_steps_total",
    kind="counter",
    help="Steps of the reconciler by what became of them: saved, lost, not_saved, failed.",
    labels=("outcome",),
    told_by="reconciler",
    from_start=(("saved",), ("lost",), ("not_saved",), ("failed",)),
)
STEP_SECONDS: Final = Metric(
    name="firstparty_reconciler_step_seconds_total",
    kind="counter",
    help="Time that the reconciler's steps took together.",
    told_by="reconciler",
    from_start=((),),
)
STEPS_UNDER_WAY: Final = Metric(
    name="firstparty_reconciler_steps_under_way",
    kind="gauge",
    help="Steps of the reconciler that are under way; 32 at most.",
    told_by="reconciler",
)
FORWARD_REQUESTS: Final = Metric(
    name="firstparty_forward_requests_total",
    kind="counter",
    help="Requests to upstreams by what followed: delivered, retry, park, split, dead.",
    labels=("outcome",),
    told_by="forward",
    from_start=(("delivered",), ("retry",), ("park",), ("split",), ("dead",)),
)
FORWARD_SECONDS: Final = Metric(
    name="firstparty_forward_request_seconds_total",
    kind="counter",
    help="Time that requests to upstreams took together.",
    told_by="forward",
    from_start=((),),
)
FORWARD_QUEUE: Final = Metric(
    name="firstparty_forward_queue_bytes",
    kind="gauge",
    help="Messages read from the log and not delivered yet, in bytes; 64 MiB at most.",
    told_by="forward",
    from_start=((),),
)
FORWARD_BEHIND: Final = Metric(
    name="firstparty_forward_sources_behind",
    kind="gauge",
    help="Sources that read the log by themselves, since their upstream is slow or away.",
    told_by="forward",
    from_start=((),),
)
FORWARD_DOWN: Final = Metric(
    name="firstparty_forward_upstreams_down",
    kind="gauge",
    help="Upstreams that are asked seldom, since they failed several times running.",
    told_by="forward",
    from_start=((),),
)
CDN_ANSWERS: Final = Metric(
    name="firstparty_cdn_answers_total",
    kind="counter",
    help="Answers of the CDN role by status; Envoy gives others from memory.",
    labels=("status",),
    told_by="cdn",
    from_start=(("200",), ("404",)),
)
CDN_CACHE: Final = Metric(
    name="firstparty_cdn_cache_bytes",
    kind="gauge",
    help="Scripts, bundles and settings that the CDN role holds in memory, in bytes.",
    told_by="cdn",
)
EDGE_ENVOYS: Final = Metric(
    name="firstparty_edge_envoys",
    kind="gauge",
    help="Envoys that are connected to this edge's discovery server.",
    told_by="ads",
)
EDGE_HOSTS: Final = Metric(
    name="firstparty_edge_hosts",
    kind="gauge",
    help="Hosts that this edge serves.",
    told_by="ads",
)
EDGE_CERTIFICATES: Final = Metric(
    name="firstparty_edge_certificates",
    kind="gauge",
    help="Certificates that Envoy has taken, by host: those that visitors asked for.",
    told_by="ads",
)
EDGE_RESPONSES: Final = Metric(
    name="firstparty_edge_responses_total",
    kind="counter",
    help="Routes and certificates that Envoy has acknowledged or rejected.",
    labels=("result",),
    told_by="ads",
    from_start=(("acknowledged",), ("rejected",)),
)
EDGE_ACKNOWLEDGED: Final = Metric(
    name="firstparty_edge_last_acknowledged_timestamp_seconds",
    kind="gauge",
    help="When Envoy last acknowledged something, in seconds since 1970; 0: never.",
    told_by="ads",
    from_start=((),),
)
ALERT_TRIES: Final = Metric(
    name="firstparty_alert_tries_total",
    kind="counter",
    help="Tries to tell an alert, by kind of channel and the state after it.",
    labels=("kind", "state"),
    told_by="alerts",
    from_start=(("webhook", "delivered"), ("webhook", "waiting"), ("webhook", "failed")),
)
CONTROL_REQUESTS: Final = Metric(
    name="firstparty_control_requests_total",
    kind="counter",
    help="Requests to REST and console by class of their status.",
    labels=("face", "status"),
    told_by="control",
    from_start=(
        ("api", "2xx"),
        ("api", "4xx"),
        ("api", "5xx"),
        ("console", "2xx"),
        ("console", "4xx"),
        ("console", "5xx"),
    ),
)
CONTROL_SECONDS: Final = Metric(
    name="firstparty_control_request_seconds_total",
    kind="counter",
    help="Time until the answers of REST and console began, together.",
    labels=("face",),
    told_by="control",
    from_start=(("api",), ("console",)),
)
LOG_BYTES: Final = Metric(
    name="firstparty_log_bytes",
    kind="gauge",
    help="What the durable log holds, in bytes.",
    told_by="control",
)
DISK_FREE: Final = Metric(
    name="firstparty_disk_free_bytes",
    kind="gauge",
    help="What is free on the disk of the state directory, in bytes.",
    told_by="control",
)
LIMIT_USED: Final = Metric(
    name="firstparty_authority_limit_used_ratio",
    kind="gauge",
    help="How much of an authority's published limit is used, of the key that has used most.",
    labels=("authority", "limit"),
    told_by="control",
)
ORDERS_WAITING: Final = Metric(
    name="firstparty_certificate_orders_waiting",
    kind="gauge",
    help="Domains that wait for their turn at an authority.",
    told_by="control",
)

OF_ROLES: Final = (
    FEED_REVISION,
    FEED_PUBLISHED,
    DNS_ANSWERS,
    DNS_UNANSWERED,
    DNS_ZONES,
    STEPS,
    STEP_SECONDS,
    STEPS_UNDER_WAY,
    FORWARD_REQUESTS,
    FORWARD_SECONDS,
    FORWARD_QUEUE,
    FORWARD_BEHIND,
    FORWARD_DOWN,
    CDN_ANSWERS,
    CDN_CACHE,
    EDGE_ENVOYS,
    EDGE_HOSTS,
    EDGE_CERTIFICATES,
    EDGE_RESPONSES,
    EDGE_ACKNOWLEDGED,
    ALERT_TRIES,
    CONTROL_REQUESTS,
    CONTROL_SECONDS,
    LOG_BYTES,
    DISK_FREE,
    LIMIT_USED,
    ORDERS_WAITING,
)
