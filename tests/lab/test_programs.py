"""Programs are started, named when they end, and never left behind."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from lab.player import keep
from lab.programs import Program, ProgramError, environment, one_error, run
from lab.system import Ports, check_ports
from lab.waiting import until

PYTHON = sys.executable
SLEEPER = [PYTHON, "-c", "import signal; print('ready', flush=True); signal.pause()"]
IN_TIME_S = 60.0


async def started(folder: Path, command: list[str]) -> Program:
    program = Program(command, environment(), folder / "log")
    await program.start()
    return program


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def test_a_program_that_is_killed_is_named_and_started_again(tmp_path: Path) -> None:
    program, lines = await started(tmp_path, SLEEPER), list[str]()
    first = program.pid
    keeper = asyncio.create_task(keep("the sleeper", program, lines.append, pause_s=0.0))
    os.kill(first, signal.SIGKILL)

    async def runs_again() -> bool:
        return program.running and program.pid != first

    await until(runs_again, within=IN_TIME_S)
    assert "the sleeper ended (killed by SIGKILL); starting it again with the same data" == lines[0]
    keeper.cancel()
    await program.stop()
    assert not program.running


async def test_a_program_that_will_not_run_is_given_up_in_its_own_words(tmp_path: Path) -> None:
    program = await started(tmp_path, [PYTHON, "-c", "import sys; sys.exit('no flour left')"])
    with pytest.raises(ProgramError, match=r"the baker does not run: exit code 1: no flour left"):
        await keep("the baker", program, lambda line: None, pause_s=0.0)


async def test_a_program_that_does_not_stop_is_made_to(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
    program = await started(tmp_path, [PYTHON, "-c", deaf])

    async def ready() -> bool:
        return "ready" in program.log.read_text(encoding="utf-8")

    await until(ready, within=IN_TIME_S)
    assert -signal.SIGKILL == await program.stop(within=0.1)


async def test_a_command_that_fails_is_told_in_its_own_words() -> None:
    with pytest.raises(ProgramError, match=r"-c failed \(1\): no luck"):
        await run(PYTHON, "-c", "import sys; sys.exit('no luck')")


async def test_of_several_programs_that_fail_together_one_is_named() -> None:
    with pytest.raises(ProgramError, match="no luck"), one_error():
        async with asyncio.TaskGroup() as outer:
            outer.create_task(fail_within_a_group())


async def fail_within_a_group() -> None:
    async with asyncio.TaskGroup() as inner:
        inner.create_task(run(PYTHON, "-c", "import sys; sys.exit('no luck')"))


async def test_a_program_ends_with_its_starter(tmp_path: Path) -> None:
    starter = (
        "import asyncio, pathlib; from lab.programs import Program, environment\n"
        f"program = Program({SLEEPER!r}, environment(), pathlib.Path({str(tmp_path / 'log')!r}))\n"
        "asyncio.run(program.start()); print(program.pid, flush=True); import signal; signal.pause()"
    )
    process = await asyncio.create_subprocess_exec(
        PYTHON, "-c", starter, stdout=asyncio.subprocess.PIPE, env=environment(PYTHONPATH=":".join(sys.path))
    )
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    process.kill()
    await process.wait()

    async def gone() -> bool:
        return has_ended(pid)

    await until(gone, within=IN_TIME_S)


async def test_a_port_in_use_is_named_with_its_variable() -> None:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    taken = server.sockets[0].getsockname()[1]
    with pytest.raises(ProgramError, match=f"port {taken} is in use on 127.0.0.1; set RABTA_HTTP_PORT to another"):
        check_ports(Ports(grpc=0, http=taken))
    server.close()
