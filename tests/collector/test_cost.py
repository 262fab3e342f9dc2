"""What a measurement that went well costs the collector, in calls: the same on every machine, however busy it is.

`make bench` measures seconds. This is the gate: calls of Python functions, and of C functions by Python code, from the
bytes of a batch of ten to the votes, for real measurements (tests/bench/record.py). It fails where a change makes the
common way longer by a tenth: make it shorter elsewhere, or say in the commit why it is worth that.
"""

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from bench import record
from bench.load import Maker
from bench.stand import targets_file
from rabta_collector import admit
from rabta_collector.catalogue import Catalogue
from rabta_collector.engine import Engine
from rabta_collector.entries import Measured
from rabta_collector.isps import load_isps
from rabta_collector.judging import Terms, judge, read_batch
from rabta_collector.targets import load_catalogue
from rabta_proto.model import Measurement
from rabta_proto.vocabulary import Role, State

BATCH, BATCHES = 10, 8
NOW = 1_800_000_000.0
DECODED_AT_MOST, DECIDED_AT_MOST = 29, 105
EMPTY_AT_MOST = 0.25
"""Of the bounds: below that share something is not measured at all."""


class Calls:
    """Counts calls while it is entered."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> "Calls":
        self._before = sys.getprofile()
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)

    def _note(self, _frame: FrameType, event: str, _argument: object) -> None:
        self.count += event in ("call", "c_call")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    file = tmp_path_factory.mktemp("cost") / "targets.toml"
    file.write_text(targets_file(), encoding="utf-8")
    return load_catalogue(file)


def batches(number: int, *, control: bool, count: int = BATCHES) -> list[bytes]:
    """Requests of one agent, each of a time of its own."""
    templates = [one for one in record.load().measurements if bool(one.network.isp) is not control]
    return list(Maker(number, templates, began_us=int(NOW * 1e6) + number).batches(BATCH, count))


def decode(raw: bytes) -> tuple[Measurement, ...]:
    asked = {(one.platform, one.target) for one in record.load().measurements}
    terms = Terms(now=NOW + 60, lab=True, joined_at=0.0, asked=asked)
    return judged(raw, terms)


def judged(raw: bytes, terms: Terms) -> tuple[Measurement, ...]:
    envelope = admit.open_envelope(raw)
    found = [judge(one, terms) for one in read_batch(envelope.body, envelope.parts)]
    return tuple(one for one in found if isinstance(one, Measurement))


def cost(work: Callable[[], object]) -> float:
    """Calls for each measurement of all batches."""
    with Calls() as calls:
        work()
    return calls.count / (BATCH * BATCHES)


def test_decoding_and_judging_a_measurement_takes_few_calls() -> None:
    raws = batches(1, control=False)
    asked = {(one.platform, one.target) for one in record.load().measurements}
    terms = Terms(now=NOW + 60, lab=True, joined_at=0.0, asked=asked)
    assert BATCH == len(judged(raws[0], terms))
    spent = cost(lambda: [judged(raw, terms) for raw in raws])
    assert EMPTY_AT_MOST * DECODED_AT_MOST < spent <= DECODED_AT_MOST


def test_deciding_on_a_measurement_that_went_well_takes_few_calls(catalogue: Catalogue) -> None:
    engine = Engine(catalogue, load_isps(None))
    for control in range(2):
        engine.apply(_entry(f"c{control}", Role.CONTROL, decode(batches(control, control=True, count=1)[0]), NOW + 1))
    entries = [_entry("a", Role.PROBE, decode(raw), NOW + 2) for raw in batches(5, control=False, count=BATCHES + 1)]
    engine.apply(entries.pop(0))
    spent = cost(lambda: [engine.apply(entry) for entry in entries])
    engine.advance(NOW + 3)
    assert {State.REACHABLE} == {verdict.state for verdict in engine.snapshot().verdicts}
    assert EMPTY_AT_MOST * DECIDED_AT_MOST < spent <= DECIDED_AT_MOST


def _entry(agent: str, role: Role, measurements: tuple[Measurement, ...], at: float) -> Measured:
    isp = "" if role is Role.CONTROL else "ptcl"
    return Measured(at=at, agent=agent, isp=isp, role=role, measurements=measurements)
