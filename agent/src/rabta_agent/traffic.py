"""What the link to the collector costs the volunteer. Pure.

gRPC does not tell what it put on the wire, so this is reckoned: each message compressed as gRPC compresses it, with the
framing of gRPC, HTTP/2, TLS and TCP/IP around it and the other side's TCP acknowledgement, plus the opening of a
connection.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

FRAMING_BYTES = 5 + 9 + 22 + 52  # gRPC prefix, HTTP/2 frame, TLS record, TCP and IPv4 headers
ACKNOWLEDGEMENT_BYTES = 52
SEGMENT_BYTES = 1400
OPENING_SENT_BYTES, OPENING_RECEIVED_BYTES = 1500, 1200  # HTTP/2 preface, settings, request and response headers
LOOKUP_SENT_BYTES, LOOKUP_RECEIVED_BYTES = 150, 350  # the name's A and AAAA
TLS_SENT_BYTES, TLS_RECEIVED_BYTES = 900, 4500  # ClientHello and Finished; ServerHello with a usual chain


@dataclass(slots=True)
class Traffic:
    """Bytes since the last `take`; `most` is what the other side may send in a day, `today` the day's number.

    `counted`: the kernel's own count of all that went over the line, both ways; `None`: it is reckoned as above. Apart
    from both is what finding the collector's address takes.
    """

    sent: int = 0
    received: int = 0
    sent_apart: int = 0
    received_apart: int = 0
    most: int = 2**63
    today: Callable[[], int] = lambda: 0
    counted: Callable[[], tuple[int, int]] | None = None
    _taken: tuple[int, int] = (0, 0)
    _day: int = 0
    _heard: int = 0

    @property
    def exhausted(self) -> bool:
        """Whether the other side has sent more than it may today."""
        return self.today() == self._day and self._heard > self.most

    def _hear(self, size: int) -> None:
        if (day := self.today()) != self._day:
            self._day, self._heard = day, 0
        self.received += size
        self._heard += size

    def opened(self, *, tls: bool) -> None:
        self.sent_apart += LOOKUP_SENT_BYTES if self.counted is not None else 0
        self.received_apart += LOOKUP_RECEIVED_BYTES if self.counted is not None else 0
        self.sent += OPENING_SENT_BYTES + (TLS_SENT_BYTES if tls else 0)
        self._hear(OPENING_RECEIVED_BYTES + (TLS_RECEIVED_BYTES if tls else 0))

    def wrote(self, message: bytes) -> None:
        self.sent += min(len(message), len(zlib.compress(message))) + FRAMING_BYTES
        self._hear(ACKNOWLEDGEMENT_BYTES)

    def read(self, size: int) -> None:
        self._hear(size + FRAMING_BYTES)
        self.sent += ACKNOWLEDGEMENT_BYTES

    def carried(self, *, sent: int, received: int) -> None:
        """An HTTP exchange, whose bytes are known above TLS."""
        self.sent += sent + FRAMING_BYTES * (1 + sent // SEGMENT_BYTES) + ACKNOWLEDGEMENT_BYTES
        self._hear(received + FRAMING_BYTES * (1 + received // SEGMENT_BYTES) + ACKNOWLEDGEMENT_BYTES)

    def closing(self) -> None:
        """The line is about to be closed: last moment at which the kernel tells what went over it."""
        if self.counted is not None:
            self.counted()

    def take(self) -> tuple[int, int]:
        """Bytes sent and received, which are then forgotten here."""
        taken = self.owed()
        if self.counted is not None:
            self._taken = self._taken[0] + taken[0] - self.sent_apart, self._taken[1] + taken[1] - self.received_apart
        self.sent = self.received = self.sent_apart = self.received_apart = 0
        return taken

    def owed(self) -> tuple[int, int]:
        """What `take` would give now."""
        if self.counted is None:
            return self.sent, self.received
        sent, received = self.counted()
        return sent - self._taken[0] + self.sent_apart, received - self._taken[1] + self.received_apart
