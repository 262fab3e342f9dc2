"""What agents were asked to measure: measurements of nothing else are taken.

Remembered is the catalogue's history and not each agent's plans. Any agent of an ISP may be given any target: shares
move with everybody who comes and goes, so that within days an agent's own set would be the catalogue. It would cost a
write for each plan and a set for each agent, and keep nothing out.
"""

from rabta_collector.catalogue import Catalogue
from rabta_collector.registries import AnyRegistry
from rabta_collector.registry import Asked

KEPT_S = 30 * 86_400.0  # a plan holds for 14 days, what it asked for waits in a spool for 14 days, and clocks differ


def remember(registry: AnyRegistry, catalogue: Catalogue, *, now: float) -> frozenset[Asked]:
    """Notes what is asked from now on; platforms and targets that agents may send measurements of."""
    targets = ((target.platform, target.url) for target in catalogue.targets)
    return registry.keep_asked(targets, now=now, kept_s=KEPT_S)
