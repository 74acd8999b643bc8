"""Every metric there is, once: its page, the dashboard and the alert rules are held against it."""

from typing import Final

from firstparty.serve.metrics.metric import Metric
from firstparty.serve.metrics.of_roles import OF_ROLES

UP: Final = Metric(
    name="firstparty_process_up",
    kind="gauge",
    help="1 while a process of this installation runs, 0 while it is being started again.",
    labels=("role",),
    told_by="supervisor",
)
STARTED: Final = Metric(
    name="firstparty_process_start_time_seconds",
    kind="gauge",
    help="When the process started, in seconds since 1970.",
)
CPU: Final = Metric(
    name="firstparty_process_cpu_seconds_total",
    kind="counter",
    help="CPU time that the process has used, user and system.",
)
MEMORY: Final = Metric(
    name="firstparty_process_max_resident_memory_bytes",
    kind="gauge",
    help="The most memory that the process has had resident.",
)
EVENTS: Final = Metric(
    name="firstparty_events_total",
    kind="counter",
    help="Events of the structured log: units of work done, by name and level.",
    labels=("event", "level"),
)
STORE_UP: Final = Metric(
    name="firstparty_store_up",
    kind="gauge",
    help="1 if the control database answers.",
    told_by="control",
)
DOMAINS: Final = Metric(
    name="firstparty_domains",
    kind="gauge",
    help="Domains by status, without those that are removed.",
    labels=("status",),
    told_by="control",
)
OVERDUE: Final = Metric(
    name="firstparty_domains_overdue_seconds",
    kind="gauge",
    help="How long the domain that waits longest for the reconciler has been due.",
    told_by="control",
)
EXPIRY: Final = Metric(
    name="firstparty_certificate_next_expiry_timestamp_seconds",
    kind="gauge",
    help="When the first of the active domains' newest certificates ends; absent without any.",
    told_by="control",
)
ALERTS: Final = Metric(
    name="firstparty_alerts",
    kind="gauge",
    help="Alerts of the last 30 days by state: waiting, delivered, failed.",
    labels=("state",),
    told_by="control",
)
LOG_UP: Final = Metric(
    name="firstparty_log_up",
    kind="gauge",
    help="1 if the durable log of messages answers.",
    told_by="control",
)
ACCEPTED: Final = Metric(
    name="firstparty_messages_accepted_total",
    kind="counter",
    help="Messages that are or were in the log.",
    labels=("source",),
    told_by="control",
)
DELIVERED: Final = Metric(
    name="firstparty_messages_delivered_total",
    kind="counter",
    help="Messages that their upstream took.",
    labels=("source",),
    told_by="control",
)
DEAD: Final = Metric(
    name="firstparty_messages_dead",
    kind="gauge",
    help="Dead letters that were not sent again.",
    labels=("source",),
    told_by="control",
)
WAITING: Final = Metric(
    name="firstparty_messages_waiting",
    kind="gauge",
    help="Messages in the log that are neither delivered nor dead.",
    labels=("source",),
    told_by="control",
)
INGEST_REQUESTS: Final = Metric(
    name="firstparty_ingest_requests_total",
    kind="counter",
    help="Requests to the tracking API by outcome: accepted, refused by code, SDKs' own metrics.",
    labels=("outcome",),
    told_by="ingest",
)
INGEST_PRIVACY_DROPPED: Final = Metric(
    name="firstparty_ingest_privacy_dropped_total",
    kind="counter",
    help="Messages that privacy rules dropped before anything was stored.",
    told_by="ingest",
)
INGEST_CONNECTIONS: Final = Metric(
    name="firstparty_ingest_connections",
    kind="gauge",
    help="Connections that are open, those of Envoy included.",
    told_by="ingest",
)
INGEST_HELD: Final = Metric(
    name="firstparty_ingest_held_bytes",
    kind="gauge",
    help="Requests that wait to be stored, in bytes; at 64 MiB more of them get 503.",
    told_by="ingest",
)
LIBRARY_REFUSED: Final = Metric(
    name="firstparty_library_refused",
    kind="gauge",
    help="Versions of Analytics.js that cannot be served first-party and were not installed.",
    told_by="cdn",
)
LOG_ROOM: Final = Metric(
    name="firstparty_log_room_bytes",
    kind="gauge",
    help="How much more of messages that wait may be stored: disk or limits, what is less.",
    told_by="forward",
)
LOG_GROWTH: Final = Metric(
    name="firstparty_log_growth_bytes_per_second",
    kind="gauge",
    help="How fast messages arrive, as they are stored; over the last hour at most.",
    told_by="forward",
)
LOG_WANTED: Final = Metric(
    name="firstparty_log_room_wanted_seconds",
    kind="gauge",
    help="The outage that there should be room for (spool.keep_hours).",
    told_by="forward",
)

METRICS: Final = (
    UP,
    STARTED,
    CPU,
    MEMORY,
    EVENTS,
    STORE_UP,
    DOMAINS,
    OVERDUE,
    EXPIRY,
    ALERTS,
    LOG_UP,
    ACCEPTED,
    DELIVERED,
    DEAD,
    WAITING,
    INGEST_REQUESTS,
    INGEST_PRIVACY_DROPPED,
    INGEST_CONNECTIONS,
    INGEST_HELD,
    LIBRARY_REFUSED,
    LOG_ROOM,
    LOG_GROWTH,
    LOG_WANTED,
    *OF_ROLES,
)
