"""The command `rabta-collector`."""

import os
import sys

# gRPC's core writes peers' addresses into its own messages; ours say what went wrong without them.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
# gRPC's core starts its threads anew in every fork of the process, on descriptors that our copies (forked.py) close.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"


def main() -> int:
    """Runs the command line; returns the exit code."""
    from rabta_collector.cli import run

    return run(sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
