"""Structured logs: one event a unit of work, a constant name, facts as fields.

JSON lines on stderr, or one short readable line each on a terminal. Never a secret, a payload
or an end user's address.
"""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

_FACTS: Final = "firstparty_facts"


class Log:
    """A named logger whose events carry facts as keyword arguments."""

    def __init__(self, role: str) -> None:
        self._logger = logging.getLogger(f"firstparty.{role}")

    def debug(self, event: str, **facts: object) -> None:
        """Record something only a developer asks for."""
        self._logger.debug(event, extra={_FACTS: facts})

    def info(self, event: str, **facts: object) -> None:
        """Record a unit of work done."""
        self._logger.info(event, extra={_FACTS: facts})

    def warning(self, event: str, **facts: object) -> None:
        """Record something that works less well than it should."""
        self._logger.warning(event, extra={_FACTS: facts})

    def error(self, event: str, **facts: object) -> None:
        """Record something that an operator must look at."""
        self._logger.error(event, extra={_FACTS: facts})

    def exception(self, event: str, **facts: object) -> None:
        """Record a bug: the event, its facts and the traceback of the exception being handled."""
        self._logger.exception(event, extra={_FACTS: facts})


class _Formatter(logging.Formatter):
    def __init__(self, role: str, *, readable: bool) -> None:
        super().__init__()
        self._role = role
        self._readable = readable

    def format(self, record: logging.LogRecord) -> str:
        facts: Mapping[str, object] = getattr(record, _FACTS, {})
        trace = self.formatException(record.exc_info) if record.exc_info else None
        if self._readable:
            told = " ".join(f"{name}={value}" for name, value in facts.items())
            line = f"{record.levelname.lower():7} {self._role:12} {record.getMessage()} {told}"
            return f"{line.rstrip()}\n{trace}" if trace else line.rstrip()
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        event = {
            "at": at,
            "level": record.levelname.lower(),
            "role": self._role,
            "event": record.getMessage(),
            **facts,
        }
        if trace:
            event["trace"] = trace
        return json.dumps(event, default=str)


def configure_logs(role: str, *, level: str = "info") -> None:
    """Send this process's events to stderr. Call it once, first thing in a process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(role, readable=sys.stderr.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("firstparty").setLevel(level.upper())
