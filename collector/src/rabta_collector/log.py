"""Logs: lines for people on a terminal, JSON lines otherwise, always on standard error.

Nothing that identifies a volunteer is ever logged: no peer address, no secret, no body.
"""

import logging
import sys

import structlog


def set_up(level: str) -> None:
    """Configures structlog for the process."""
    # aiohttp's own lines about what it could not read bear the peer's address.
    logging.getLogger("aiohttp.server").disabled = True
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
