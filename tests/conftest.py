"""Settings that every test shares."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import HealthCheck, settings

from support.programs import ALERTS

if TYPE_CHECKING:
    from xdist.remote import Producer

    from support.abreast import ByFile

# gRPC's C core reads both when it loads. It writes lines about peers that went away into the tests' output otherwise.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# As in `rabta_collector.__main__`: tests run collectors in their own process, which then makes copies of it.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

# A machine that stands still for a second while examples are drawn says nothing of the tests.
SLOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("default", max_examples=100, **SLOW)
settings.register_profile("long", max_examples=2000, **SLOW)
settings.load_profile(os.environ.get("RABTA_HYPOTHESIS", "default"))


@pytest.fixture(autouse=True)
def fresh_logging() -> Iterator[None]:
    """A command that a test ran in this process leaves its logging behind, bound to an output that is closed by now."""
    yield
    structlog.reset_defaults()


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        ALERTS.unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of alerts, which another process may have written."""
    if ALERTS.is_file():
        terminalreporter.section("alerts, from the censor's switch to the webhook")
        terminalreporter.write_line(ALERTS.read_text(encoding="utf-8"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "ByFile":
    from support.abreast import ByFile  # where tests run side by side

    return ByFile(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long ones first where processes work side by side, which are to end together."""
    if not hasattr(config, "workerinput"):
        return
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
