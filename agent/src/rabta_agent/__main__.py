"""`rabta-agent`, and `python -m rabta_agent`."""

import sys

from rabta_agent.cli import main

if __name__ == "__main__":
    sys.exit(main())
