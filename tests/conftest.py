"""Settings that every test shares."""

import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

# gRPC's C core reads it when it loads, and writes lines about peers that went away into the tests' output otherwise.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

settings.register_profile("default", max_examples=100, deadline=None)
settings.register_profile("long", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("RABTA_HYPOTHESIS", "default"))


@pytest.fixture(autouse=True)
def fresh_logging() -> Iterator[None]:
    """A command that a test ran in this process leaves its logging behind, bound to an output that is closed by now."""
    yield
    structlog.reset_defaults()
