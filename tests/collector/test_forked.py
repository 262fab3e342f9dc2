"""What a copy of the process does, and what it leaves alone."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rabta_collector.forked import Ask, Copy


def test_a_copy_has_everything_as_it_was() -> None:
    numbers = [1, 2]
    copy = Copy(lambda ask: ask() + repr(numbers).encode())
    numbers.append(3)
    assert b"saw [1, 2]" == copy.finish(b"saw ")


def test_what_it_fails_of_is_raised_in_its_words(tmp_path: Path) -> None:
    def fail(_: Ask) -> bytes:
        return (tmp_path / "nowhere" / "file").read_bytes()

    with pytest.raises(OSError, match="No such file or directory"):
        Copy(fail).finish(b"go")


def test_one_that_is_killed_has_failed() -> None:
    def die(_: Ask) -> bytes:
        os.kill(os.getpid(), signal.SIGKILL)
        return b""

    with pytest.raises(OSError, match="ended with -"):
        Copy(die).finish(b"go")


def test_what_is_given_up_does_nothing_more(tmp_path: Path) -> None:
    def write(ask: Ask) -> bytes:
        ask()
        (tmp_path / "written").touch()
        return b""

    Copy(write).give_up()
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize("steps_back", [True, False])
def test_it_lets_everybody_else_go_first_unless_it_is_in_a_hurry(steps_back: bool) -> None:
    copy = Copy(lambda ask: ask() and str(os.getpriority(os.PRIO_PROCESS, 0)).encode(), steps_back=steps_back)
    assert (19 if steps_back else os.getpriority(os.PRIO_PROCESS, 0)) == int(copy.finish(b"go"))


def test_where_a_service_may_not_step_back_it_works_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "nice", refuse)
    assert b"done" == Copy(lambda ask: ask() and b"done").finish(b"go")


def test_it_keeps_no_descriptor_of_the_original() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        held = server.fileno()

        def look(ask: Ask) -> bytes:
            ask()
            try:
                os.fstat(held)
            except OSError:
                return b"closed"
            return b"open"

        assert b"closed" == Copy(look).finish(b"go")


BUSY_WITH_GRPC = """
import rabta_collector.__main__ as first
import asyncio, collections, grpc.aio
from rabta_collector.forked import Copy

async def answer(request, _):
    return request

async def main():
    method = {"Say": grpc.unary_unary_rpc_method_handler(answer)}
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Echo", method),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        say, told = channel.unary_unary("/Echo/Say"), collections.Counter()
        for _ in range(300):
            await asyncio.gather(*(say(b"hello") for _ in range(5)))
            await asyncio.sleep(0)
            told[await asyncio.to_thread(Copy(lambda ask: ask()).finish, b"done")] += 1
    await server.stop(None)
    print(dict(told))

asyncio.run(main())
"""


@pytest.mark.timeout(400)
def test_grpc_stays_out_of_every_copy_of_a_process_that_it_works_in() -> None:
    fresh = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    command = [sys.executable, "-c", BUSY_WITH_GRPC]
    ran = subprocess.run(command, env=fresh, capture_output=True, text=True, timeout=300, check=False)
    assert "{b'done': 300}" == ran.stdout.strip(), ran.stdout + ran.stderr
