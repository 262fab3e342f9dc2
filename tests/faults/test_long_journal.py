"""A long journal is read from its beginning, and then from a checkpoint: how long it takes, and how much memory."""

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from faults.asked import TIMEOUT_S, dice, journal_length, tell
from faults.rig import BEAT_S, Rig, rig
from faults.written import targets, write_journal
from lab.waiting import until

pytestmark = [pytest.mark.timeout(TIMEOUT_S), pytest.mark.slow]

MOST_KB = 400_000
CHECKPOINT = "5m"  # as it is by default
TRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start: seconds until it was ready, of processor time too, the most memory, and the answers on the way."""

    seconds: float
    cpu_s: float
    peak_kb: int
    progress: tuple[str, ...]
    counted: int


def spent(pid: int) -> tuple[float, int]:
    """Processor time of a process in seconds, and the most memory that it had in kB (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    memory = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(memory[0])


async def start(system: Rig) -> Start:
    began, seen = time.monotonic(), set[str]()
    await system.collector.start()

    async def ready() -> bool:
        assert system.collector.running, system.collector.last_words()
        answer = await system.ask("readyz")
        if answer.status == 503:
            seen.update(re.findall(r"\d+ of \d+ entries", answer.text))
        return answer.status == 200

    await until(ready, within=TIMEOUT_S, beat=BEAT_S)
    seconds = time.monotonic() - began
    cpu_s, peak_kb = spent(system.collector.pid)
    text = (await system.ask("metrics")).text
    counts = re.findall(r'^rabta_measurements_total\{.*step="dns".*\} (\S+)$', text, re.MULTILINE)
    return Start(
        seconds=seconds,
        cpu_s=cpu_s,
        peak_kb=peak_kb,
        progress=tuple(sorted(seen)),
        counted=sum(int(float(count)) for count in counts),
    )


async def test_a_long_journal_is_known_again_in_bounded_memory(tmp_path: Path) -> None:
    length, random = journal_length(4000), dice("long-journal")
    usual = ("env", f"RABTA_CHECKPOINT={CHECKPOINT}")  # the rig's own pace of checkpoints would be most of the work
    async with rig(tmp_path, prefix=usual) as system:
        system.targets.write_text(targets(), encoding="utf-8")
        system.data.mkdir()
        rows = write_journal(system.journal, length, random)
        whole = await start(system)
        for _ in range(TRIES):
            if whole.progress:
                break
            system.collector.kill()  # it was through before anybody asked how far it is, and begins anew
            await system.collector.ended()
            system.checkpoint.unlink(missing_ok=True)
            whole = await start(system)
        assert 0 == await system.collector.stop()
        resumed = await start(system)
        assert 0 == await system.collector.stop()
    tell(
        "long-journal",
        records=length,
        rows=rows,
        seconds=round(whole.seconds, 1),
        us_per_record=round(whole.cpu_s * 1e6 / length),
        peak_kb=whole.peak_kb,
        from_checkpoint_s=round(resumed.seconds, 1),
        from_checkpoint_cpu_s=resumed.cpu_s,
        from_checkpoint_peak_kb=resumed.peak_kb,
    )
    assert whole.progress, "a replay says how far it is"
    assert whole.counted == resumed.counted > 0
    assert whole.peak_kb < MOST_KB
    assert resumed.peak_kb < MOST_KB
    assert "checkpoint.taken_up" in system.collector.log.read_text()
