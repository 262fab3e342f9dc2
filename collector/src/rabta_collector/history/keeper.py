"""Makes findings and spans of what the history holds: all of them anew where rules, catalogue or ISPs have changed.

Every step leaves the file fit for use, so a stop at any moment costs no more than the step: what was made of an older
table of rules stands until its cell is made anew.
"""

import hashlib
from collections.abc import Callable

from rabta_collector.history.exported import SOURCE, place_told
from rabta_collector.history.file import HistoryFile, Placed, Published
from rabta_collector.history.fold import FOLD_VERSION, Found, fold
from rabta_collector.history.payload import unpack
from rabta_collector.history.places import Places, Reason, site_of
from rabta_collector.verdict.classify import Finding
from rabta_collector.verdict.rules import RULES_VERSION

MADE_BY = "made_by"
Progress = Callable[[int, int], bool]
"""Is told how many measurements of how many are done; says whether to go on."""


def made_by(places: Places) -> str:
    """What findings and spans hang on beside the measurements; another one when any of it changes."""
    digest = hashlib.blake2b(places.to_json().encode(), digest_size=12).hexdigest()
    return f"rules {RULES_VERSION}, fold {FOLD_VERSION}, places {digest}"


def refresh(file: HistoryFile, places: Places, progress: Progress) -> bool:
    """Brings findings and spans up to date; says whether it was let come to the end."""
    mark = made_by(places)
    if file.fact(MADE_BY) != mark:
        if not _judge_all(file, places, progress):
            return False
        file.keep_fact(MADE_BY, mark)
    for cell in file.changed():
        if not progress(0, 0):
            return False
        with file.transaction():
            file.replace_spans(cell, fold(file.findings(cell), places.needs[cell[1]]))
    return True


def place(published: Published, places: Places) -> Placed | None:
    """The finding of a measurement and its place; `None` where it has none, or cannot be read any more."""
    if published.source == SOURCE:
        told = place_told(published.aside, published.began_us / 1_000_000, places)
        return None if isinstance(told, Reason) else told
    try:
        evidence = unpack(published.payload, published.controls, published.aside)
    except ValueError:
        return None
    url = evidence.measurement.target
    platform, isp = places.platform_of(url), places.isp_of(published.asn)
    if isinstance(platform, Reason) or isinstance(isp, Reason):
        return None
    found = found_of(evidence.judge(), url, published.began_us / 1_000_000)
    return Placed(isp=isp, platform=platform, found=found)


def found_of(finding: Finding, url: str, started: float) -> Found:
    """A finding as spans are made of it."""
    return Found(
        started=started,
        site=site_of(url),
        judgement=finding.judgement,
        mechanism=finding.mechanism,
        rule=finding.rule,
    )


def _judge_all(file: HistoryFile, places: Places, progress: Progress) -> bool:
    done, last = 0, file.last_id()
    while chunk := file.published_after(done):
        file.place((id_, place(published, places) if sound else None) for id_, published, sound in chunk)
        done = chunk[-1][0]
        if not progress(done, last):
            return False
    file.mark_all_changed()
    file.forget_cells(places.needs)
    return True
