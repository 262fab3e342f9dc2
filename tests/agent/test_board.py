"""What the collector holds is kept for `status`, within bounds."""

from pathlib import Path

import pytest

from rabta_agent import board
from rabta_agent.board import Board
from rabta_agent.home import Home
from rabta_proto.v1 import collector_pb2 as wire


def held(isp: str, state: str, mechanism: str = "") -> wire.Held:
    return wire.Held(platform="x", isp=isp, state=state, mechanism=mechanism)


def kept(home: Home) -> object:
    return home.note("standing")["held"]


def test_the_first_is_all_and_later_ones_add_to_it(tmp_path: Path) -> None:
    home = Home(path=tmp_path)
    board_ = Board(home)
    board_.hear(wire.Standing(whole=True, held=[held("ptcl", "blocked", "tls.reset.sni"), held("jazz", "reachable")]))
    board_.hear(wire.Standing(held=[held("jazz", "blocked")]))
    blocked = {"state": "blocked", "mechanism": "tls.reset.sni", "since": 0}
    assert {"x": {"ptcl": blocked, "jazz": {**blocked, "mechanism": ""}}} == kept(home)
    board_.hear(wire.Standing(whole=True))
    assert {} == kept(home)


def test_a_collector_cannot_fill_the_disk_or_say_other_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "MOST", 3)
    home = Home(path=tmp_path)
    board_ = Board(home)
    board_.hear(wire.Standing(held=[held("a", "\x1b[31mgone"), held("b" * 200, "down")]))
    assert {} == kept(home)
    board_.hear(wire.Standing(held=[held(str(number), "down") for number in range(9)]))
    assert {"x": {"0", "1", "2"}} == {platform: set(isps) for platform, isps in kept(home).items()}  # type: ignore[attr-defined] # a dict
