"""What people call platforms and ISPs. Pure. What has no name any more is called by its identifier."""

from collections.abc import Mapping
from dataclasses import dataclass

from rabta_collector.catalogue import Catalogue
from rabta_collector.state import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Something that has a page of its own: its name, and its identifier."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """By identifier."""

    platforms: Mapping[str, str]
    isps: Mapping[str, str]

    def platform(self, id_: str) -> Link:
        return Link(id=id_, name=self.platforms.get(id_, id_))

    def isp(self, id_: str) -> Link:
        return Link(id=id_, name=self.isps.get(id_, id_))


def make_names(snapshot: Snapshot, catalogue: Catalogue) -> Names:
    return Names(
        platforms={platform.id: platform.name for platform in catalogue.platforms},
        isps={isp.isp: isp.name for isp in snapshot.isps},
    )
