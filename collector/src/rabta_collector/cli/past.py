"""What `import` and `ooni import` share: measurements go into the history of a data directory, beside a collector."""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from rabta_collector.cli.progress import Progress
from rabta_collector.config import Config
from rabta_collector.datadir import DataDir
from rabta_collector.export.reading import Kind, read_export
from rabta_collector.history.exported import Seen, admitting
from rabta_collector.history.file import HistoryFile, naming
from rabta_collector.history.importing import Importer
from rabta_collector.history.keeper import refresh
from rabta_collector.history.places import PLACES, Places, make_places, read_places
from rabta_collector.isps import load_isps
from rabta_collector.ooni import importing as ooni
from rabta_collector.ooni.prints import Prints
from rabta_collector.ooni.reader import SUFFIXES, Heard, read_path
from rabta_collector.registry import Registry
from rabta_collector.targets import load_catalogue


def import_past(config: Config, files: Sequence[Path], kinds: Mapping[Path, Kind], prints: Prints) -> int:
    """Takes files in, of OONI's form where no other kind is named; prints what became of all. The exit code."""
    data = DataDir(config.data)
    places = _places(config, data)
    with (
        closing(Progress()) as progress,
        naming(data.history),
        closing(HistoryFile(data.history)) as file,
    ):
        refresh(file, places, lambda done, of: _tell_refresh(progress, done, of))
        share = Share(files)
        importer = Importer(
            file=file,
            trouble=lambda trouble: progress.say(str(trouble)),
            step=lambda: progress.tell(
                lambda: f"{importer.counts.read} read, {progress.rate(importer.counts.read)}", share.done
            ),
        )
        for path, heard in share.each():
            if (kind := kinds.get(path, Kind.OONI)) is Kind.OONI:
                importer.take(read_path(path, heard), ooni.admitting(places, prints, time.time()))
            else:
                with closing(Seen()) as seen:
                    importer.take(read_export(path, kind, heard), admitting(places, seen, time.time()))
        importer.flush()
        refresh(file, places, lambda done, of: _tell_refresh(progress, done, of))
        rate = progress.rate(importer.counts.read)
    sys.stdout.write(f"{importer.counts}; {rate}\n")
    return 1 if importer.counts.unreadable else 0


class Share:
    """How much of some files, or directories of such, was read: bytes as they lie on disk."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._sizes = {path: sum(map(_size, _files(path))) for path in paths}
        self._before = self._here = 0

    def done(self) -> float:
        """From 0 to 1."""
        return min(1.0, (self._before + self._here) / max(1, sum(self._sizes.values())))

    def each(self) -> Iterator[tuple[Path, Heard]]:
        """Each of them in turn, and whom to tell how many of its bytes were read."""
        for path, size in self._sizes.items():
            yield path, self._hear
            self._before, self._here = self._before + size, 0

    def _hear(self, position: int) -> None:
        self._here = position


def _files(path: Path) -> Iterator[Path]:
    yield from (file for file in path.rglob("*") if file.name.endswith(SUFFIXES)) if path.is_dir() else (path,)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # reading it says what is wrong


def _tell_refresh(progress: Progress, done: int, of: int) -> bool:
    progress.tell(
        lambda: f"{done} of {of} judged anew" if of else "making spans of what was found",
        (lambda: done / of) if of else None,
    )
    return True


def _places(config: Config, data: DataDir) -> Places:
    """Those of the configuration, or of the collector that serves from here; the default ones where there is none."""
    with closing(Registry(data.state)) as registry:
        served = registry.fact(PLACES)
    if served is not None and config.targets is None and config.isps is None:
        return read_places(served)
    return make_places(load_catalogue(config.targets), load_isps(config.isps))
