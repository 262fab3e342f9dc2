"""WireGuard in user space (wireguard-go), a device in a namespace for each end of a tunnel."""

import base64
import os
import subprocess
from pathlib import Path

from lab.netns.namespaces import run

PORT = 51_820
_SOCKETS = Path("/var/run/wireguard")  # of all namespaces: devices of one machine need different names


def make_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def public_of(private: str) -> str:
    return subprocess.run(["wg", "pubkey"], input=private, text=True, capture_output=True, check=True).stdout.strip()


async def make_device(namespace: str, device: str, key: str, *settings: str) -> None:
    """A device, down and without an address. `settings` are those of wg(8), after the file of the private key."""
    await run("ip", "netns", "exec", namespace, "wireguard-go", device)
    await run("ip", "netns", "exec", namespace, "wg", "set", device, "private-key", key, *settings)


def forget_device(device: str) -> None:
    """Takes away what one leaves behind whose program was killed."""
    (_SOCKETS / f"{device}.sock").unlink(missing_ok=True)
