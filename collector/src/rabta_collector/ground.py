"""What every collector stands on, whatever its part: its files, the country, and what it counts about itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from rabta_collector.catalogue import Catalogue, Isp
from rabta_collector.checkpoints import make_stamp
from rabta_collector.config import Config
from rabta_collector.datadir import DataDir
from rabta_collector.isps import load_isps
from rabta_collector.networks import Networks, open_networks
from rabta_collector.state import IngestStats
from rabta_collector.targets import load_catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """`stamp`: what a state hangs on beside the journal. `owned`: the ISPs to decide on; `None`: all."""

    config: Config
    data: DataDir
    catalogue: Catalogue
    isps: Sequence[Isp]
    networks: Networks
    stats: IngestStats
    owned: frozenset[str] | None
    stamp: dict[str, str]


def open_ground(config: Config, data: DataDir) -> Ground:
    """Reads every file there is. Raises what `cli` turns into one line."""
    catalogue, isps = load_catalogue(config.targets), load_isps(config.isps)
    return Ground(
        config=config,
        data=data,
        catalogue=catalogue,
        isps=isps,
        networks=open_networks(isps, config.asn_db),
        stats=IngestStats(),
        owned=None if config.share.whole else frozenset(config.share.owned([isp.id for isp in isps])),
        stamp=make_stamp(config, catalogue, isps),
    )
