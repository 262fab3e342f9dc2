"""Of which ISP a reader asks."""

import pytest

from rabta_collector.roles.whose import Asked, whose

API = "/api/v1"


@pytest.mark.parametrize(
    ("path", "query", "asked"),
    [
        ("/", {}, Asked()),
        ("/ur/", {}, Asked()),
        ("/platform/x", {}, Asked()),
        ("/isp/ptcl", {}, Asked(isp="ptcl")),
        ("/ur/isp/ptcl", {"days": ["7"]}, Asked(isp="ptcl")),
        ("/cell/x/jazz", {}, Asked(isp="jazz")),
        ("/ur/cell/x/jazz", {"part": ["main"]}, Asked(isp="jazz")),
        ("/event/7", {}, Asked(event=7)),
        ("/ur/event/-7", {}, Asked(event=-7)),
        ("/event/seven", {}, Asked()),
        ("/isp/ptcl/more", {}, Asked()),
        ("/isp/", {"isp": ["jazz"]}, Asked()),
        (f"{API}/verdicts", {}, Asked()),
        (f"{API}/verdicts", {"isp": ["jazz"]}, Asked(isp="jazz")),
        (f"{API}/verdicts", {"isp": [""]}, Asked()),
        (f"{API}/verdicts", {"isp": ["jazz", "ptcl"]}, Asked()),
        (f"{API}/events/stream", {"isp": ["jazz"], "platform": ["x"]}, Asked(isp="jazz")),
        (f"{API}/evidence", {"event": ["12"]}, Asked(event=12)),
        (f"{API}/evidence", {"event": ["12"], "isp": ["jazz"]}, Asked(isp="jazz")),
        (f"{API}/evidence", {"event": ["twelve"]}, Asked()),
        (f"{API}/evidence", {"platform": ["x"], "isp": ["jazz"]}, Asked(isp="jazz")),
        ("/metrics", {"isp": ["jazz"]}, Asked()),
    ],
)
def test_the_address_says_of_which(path: str, query: dict[str, list[str]], asked: Asked) -> None:
    assert asked == whose(path, query)
