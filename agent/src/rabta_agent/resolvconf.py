"""Which resolvers this machine uses, as resolv.conf(5) says."""

from pathlib import Path

from rabta_agent.addresses import canonical
from rabta_agent.network import Vantage

_RESOLV_CONF_LIMIT = 64 * 1024


def read_system_resolvers(vantage: Vantage, path: Path = Path("/etc/resolv.conf")) -> tuple[str, ...] | None:
    """The resolvers that the machine uses, at most three as in resolv.conf(5); `None` where only the platform knows."""
    if vantage.system_resolvers is not None:
        return vantage.system_resolvers
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_RESOLV_CONF_LIMIT).splitlines()
    except OSError:
        return None
    named = [words[1] for words in map(str.split, lines) if len(words) > 1 and words[0] == "nameserver"]
    return tuple(filter(None, map(canonical, named)))[:3]
