"""The command `rabta-collector`."""

import os
import sys

# gRPC's core writes peers' addresses into its own messages; ours say what went wrong without them.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")


def main() -> int:
    """Runs the command line; returns the exit code."""
    from rabta_collector.cli import run

    return run(sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
