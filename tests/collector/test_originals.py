"""What came first counts, of each ISP by itself, wherever a start goes on."""

from pathlib import Path

from rabta_collector import checkpoint
from rabta_collector.checkpoint import Head
from rabta_collector.entries import Measured
from rabta_collector.originals import Originals
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Role
from support.factories import NOON, URL, moment

FIRST, SECOND, THIRD = (
    Measurement(target=URL, started_at=moment(NOON), duration_us=number, agent_version="0", observations=())
    for number in (1, 2, 3)
)


def entry(agent: str, *measurements: Measurement, isp: str = "ptcl") -> Measured:
    return Measured(at=1.0, agent=agent, isp=isp, role=Role.PROBE, measurements=measurements)


def test_of_two_the_first_one_in_the_journal_counts() -> None:
    originals = Originals()
    assert entry("a", FIRST, SECOND) == originals.of(entry("a", FIRST, SECOND), 1)
    assert entry("b", THIRD) == originals.of(entry("b", FIRST, THIRD, SECOND), 1)
    assert entry("a") == originals.of(entry("a", THIRD), 1)


def test_another_epoch_is_another_agent() -> None:
    originals = Originals()
    originals.of(entry("a", FIRST), 1)
    assert entry("a") == originals.of(entry("a", FIRST), 2)
    assert entry("a", FIRST) == originals.of(entry("a", FIRST), 1)


def test_shares_of_the_isps_come_to_what_one_process_comes_to() -> None:
    """Whether what is elsewhere was read cannot matter: a share does not."""
    originals = Originals()
    originals.of(entry("a", FIRST), 1)
    assert entry("b", FIRST, isp="jazz") == originals.of(entry("b", FIRST, isp="jazz"), 1)


def test_a_checkpoint_has_them(tmp_path: Path) -> None:
    originals = Originals()
    originals.of(entry("a", FIRST), 1)
    head = Head(row=1, at_us=1, crc=1, decided_to=1.0, stamp={})
    checkpoint.write(tmp_path / "checkpoint", head, checkpoint.freeze(originals, {}))
    stored = checkpoint.read(tmp_path / "checkpoint")
    assert stored is not None
    assert entry("b", SECOND) == stored.thaw({}).of(entry("b", FIRST, SECOND), 1)
