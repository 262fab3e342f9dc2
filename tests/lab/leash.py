"""Becomes a program that ends with its starter: `python leash.py STARTER PROGRAM ARGUMENT...` (STARTER: a process id).

In a process of its own and not between fork and exec: the starter has threads (gRPC's among them), after whose fork no
Python may run.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2); it outlives execve(2)


def main() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    starter, *command = sys.argv[1:]
    if os.getppid() == int(starter):  # else it ended before we could say that we end with it
        os.execvp(command[0], command)


if __name__ == "__main__":
    main()
