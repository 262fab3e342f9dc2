"""A trace in plain words: how far the server is, and from how far away a name is cut off. Pure."""

from rabta_agent.words import mark, tr
from rabta_proto.locating import Cut, Doubt, Location, find_traces, locate
from rabta_proto.model import Measurement, PathTrace

DOUBTS = {
    Doubt.NOT_LOOKED: mark("too few connections stood"),
    Doubt.NOT_CUT: mark("this time nothing was cut off"),
    Doubt.ONCE: mark("it showed only once"),
    Doubt.NOT_HELD_AGAINST: mark("the harmless name got no answer from there either"),
    Doubt.UNSURE_BEFORE: mark("too little was sent as far as the router before"),
    Doubt.AT_ODDS: mark("once it showed, and once from farther away it did not"),
}


def tell_trace(trace: PathTrace) -> str:
    """What was done, in a sentence without its end."""
    if trace.isolation:
        return tr(
            "Looked how far away {address} is, under a harmless name, {name}",
            address=trace.address,
            name=trace.server_name,
        )
    return tr(
        "Looked where on the way to {address} the name {name} is cut off", address=trace.address, name=trace.server_name
    )


def tell_came(trace: PathTrace) -> str:
    """What came of it."""
    stood = [step for step in trace.steps if step.connected]
    if not stood:
        return tr("no connection stood")
    if reset := [step.ttl for step in stood if step.resets]:
        count = sum(step.resets for step in stood)
        return tr("a reset came from {hops} hops away ({count} in all)", hops=min(reset), count=count)
    if answered := [step.ttl for step in stood if step.answered]:
        return tr("an answer came from {hops} hops away", hops=min(answered))
    farthest = max((step.ttl for step in stood if step.expired), default=0)
    return tr("routers answered from up to {hops} hops away, and nobody beyond", hops=farthest)


def tell_location(measurement: Measurement) -> str:
    """The facts of a trace in one line."""
    own, other = find_traces(measurement.observations)
    if own is None:
        return tr("Where it is cut off was not looked for: no connection stood under a harmless name.")
    found = locate(own, other)
    if found.begins is None or found.after is None:
        why = tr(DOUBTS[found.doubt or Doubt.NOT_LOOKED])
        return tr("Where on the way {name} is cut off is not known: {why}.", name=own.server_name, why=why)
    return f"{_tell_where(found)} {_tell_server(found)}" + _tell_other(found)


def _tell_where(found: Location) -> str:
    if not found.exact:
        facts = {"after": found.after, "begins": found.begins}
        return (
            tr("The reset comes from more than {after} and at most {begins} hops away.", **facts)
            if found.cut is Cut.RESET
            else tr("The silence begins more than {after} and at most {begins} hops away.", **facts)
        )
    return (
        tr("The reset comes from {hops} hops away.", hops=found.begins)
        if found.cut is Cut.RESET
        else tr("The silence begins {hops} hops away.", hops=found.begins)
    )


def _tell_server(found: Location) -> str:
    if found.server is None:
        return tr("How far away the server is, is not known.")
    if found.at_server:
        return tr("The server is {hops} hops away, too: it may do that itself.", hops=found.server)
    return tr("The server is {hops} hops away.", hops=found.server)


def _tell_other(found: Location) -> str:
    return " " + tr("Another name is cut off there, too.") if found.by_name is False else ""
