"""A VPN in user space: whole packets between two tun devices, each as one UDP datagram over the path between."""

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
from collections.abc import Callable

from lab.netns.namespaces import inside

PORT = 1194
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_LARGEST = 65_535


class End:
    """One end: a device that stands in a namespace already, and the UDP address at which this end is reached."""

    def __init__(self, namespace: str, device: str, address: str, far: str) -> None:
        with inside(namespace):
            self._device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self._device, _TUNSETIFF, struct.pack("16sH", device.encode(), _IFF_TUN | _IFF_NO_PI))
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((address, PORT))
        self._far = (far, PORT)

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._device, _all_of(self._out))
        loop.add_reader(self._socket, _all_of(self._in))

    def _out(self) -> None:
        self._socket.sendto(os.read(self._device, _LARGEST), self._far)

    def _in(self) -> None:
        packet, sender = self._socket.recvfrom(_LARGEST)
        if sender == self._far:
            os.write(self._device, packet)

    def end(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._device)
        loop.remove_reader(self._socket)
        os.close(self._device)
        self._socket.close()


def _all_of(move: Callable[[], None]) -> Callable[[], None]:
    """Moves packets until none waits; one that cannot go on is lost, as on any network."""

    def carry() -> None:
        with contextlib.suppress(OSError):  # BlockingIOError is how it ends
            while True:
                move()

    return carry
