"""How OONI's measurements come into the history (history/importing.py)."""

from rabta_collector.history.importing import Admit, Admitted, Skipped
from rabta_collector.history.places import Places, Reason
from rabta_collector.ooni.intake import admit, asn_of, take_in
from rabta_collector.ooni.prints import Prints
from rabta_collector.ooni.reader import Document


def admitting(places: Places, prints: Prints, now: float) -> Admit[Document]:
    """Who has a place there. `now` in Unix seconds."""

    def admitted(document: Document) -> Admitted | Skipped:
        ticket = admit(document.record, places, now)
        if isinstance(ticket, Reason):
            return Skipped(reason=ticket, network=asn_of(document.record))
        return Admitted(uid=ticket.uid, content=ticket.content, take=lambda: take_in(document.record, ticket, prints))

    return admitted
