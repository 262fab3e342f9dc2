"""An environment as a volunteer has it, filled from what is installed here, so that no package index is asked.

What developers have beside it stays out: gRPC, structlog and dnspython load what they find (grpc_tools, rich, greenlet,
idna), which a volunteer neither needs nor pays for.
"""

import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed(name: str, *extras: str) -> dict[str, Distribution]:
    """A distribution, with extras of it, and all that it asks for on this machine, by their canonical names."""
    found: dict[str, Distribution] = {}
    waiting = [(name, extras)]
    while waiting:
        current, chosen = waiting.pop()
        known = found.setdefault(canonicalize_name(current), distribution(current))
        for requirement in map(Requirement, known.requires or ()):
            if _applies(requirement, chosen) and canonicalize_name(requirement.name) not in found:
                waiting.append((requirement.name, tuple(requirement.extras)))
    return found


def _applies(requirement: Requirement, extras: tuple[str, ...]) -> bool:
    return requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def link(source: Distribution, site_packages: Path) -> None:
    """Puts a distribution's files into another environment, compiled ones, too."""
    for file in source.files or []:
        if not file.is_absolute() and ".." not in file.parts:
            target = site_packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(Path(str(source.locate_file(file))))


def empty_environment(folder: Path) -> Path:
    """Makes one there; returns where its packages go."""
    venv.create(folder, with_pip=False, symlinks=True)
    (site_packages,) = folder.glob("lib/python3*/site-packages")
    return site_packages
