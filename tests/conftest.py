"""Settings that every test shares."""

import os

from hypothesis import settings

# gRPC's C core reads it when it loads, and writes lines about peers that went away into the tests' output otherwise.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

settings.register_profile("default", max_examples=100, deadline=None)
settings.register_profile("long", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("RABTA_HYPOTHESIS", "default"))
