"""`rabta-agent`, and `python -m rabta_agent`."""

import sys


def main() -> int:
    """Runs one command; Ctrl-C while modules are still being loaded is no reason for a traceback either."""
    try:
        from rabta_agent import cli

        return cli.main()
    except KeyboardInterrupt:
        return 1


if __name__ == "__main__":
    sys.exit(main())
