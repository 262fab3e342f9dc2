"""The facts of `rabta-agent status` as a table for a person, times in its own zone.

What the network says is a line for each platform; where it is kept from the volunteer, how stands below it in a
sentence.
"""

from collections import Counter
from datetime import UTC, datetime

from rabta_agent.ceilings import TRACES_DAY
from rabta_agent.cli.lines import hang, table
from rabta_agent.cli.mechanisms import MECHANISMS
from rabta_agent.cli.paint import BOLD, GREEN, RED, YELLOW, paint
from rabta_agent.status import Facts
from rabta_agent.words import isolate, listed, lookup, mark, padded, tr, width
from rabta_proto.vocabulary import Mechanism

STATES = {
    "reachable": mark("reachable"),
    "blocked": mark("blocked"),
    "throttled": mark("throttled"),
    "disrupted": mark("disrupted"),
    "down": mark("down"),
    "inconclusive": mark("not known"),
}
KINDS = {
    "unknown": mark("unknown kind"),
    "ethernet": mark("cable"),
    "wifi": mark("Wi-Fi"),
    "mobile": mark("mobile"),
}
HOLDS = {
    "paused": mark("paused by you"),
    "quiet_hours": mark("these are your quiet hours"),
    "battery": mark("the battery is low"),
    "offline": mark("there is no way to the Internet"),
    "vpn": mark("a VPN is on, and what is measured through it says nothing about your ISP"),
    "bytes": mark("the bytes of the day are used up"),
    "metered": mark("bytes are paid for here"),
}
_COLOURS = {"reachable": GREEN, "blocked": RED, "throttled": YELLOW, "disrupted": YELLOW, "down": YELLOW}


def to_table(facts: Facts, *, colour: bool, most: int | None = None) -> str:
    """Everything, in so many columns; times are this machine's."""
    return "\n".join([*table(_rows(facts), most, colour=colour), *_standing(facts, most, colour=colour)])


def _rows(facts: Facts) -> list[tuple[str, str]]:
    rows = [
        (tr("agent"), listed([facts["agent_id"], _role(facts)])),
        (tr("collector"), _collector(facts)),
    ]
    if facts["network"]:
        rows.append((tr("network"), _network(facts)))
    if facts["hold"]:
        rows.append((tr("resting"), _hold(facts)))
    rows += [(tr("plan"), _plan(facts)), (tr("today"), _today(facts)), (tr("ever"), _ever(facts))]
    if facts["trace_path"]:
        rows.append((tr("path"), _path(facts)))
    if facts["newest_version"]:
        newer = tr("version {version} is there; this agent never updates itself", version=facts["newest_version"])
        rows.append((tr("newer"), newer))
    rows.append((tr("home"), str(facts["home"]) + (tr(" (lab)") if facts["lab"] else "")))
    return rows


def _role(facts: Facts) -> str:
    if facts["role"] == "probe":
        return tr("ISP {isp}", isp=facts["isp"] or tr("not known"))
    return tr("a control")


def _collector(facts: Facts) -> str:
    state = tr("connected") if facts["connected"] else tr("not connected") if facts["running"] else tr("not running")
    trouble = f": {isolate(facts['trouble'])}" if facts["trouble"] else ""
    return listed([facts["collector"], state + trouble])


def _network(facts: Facts) -> str:
    noted = facts["network"]
    parts = [tr(KINDS[noted["kind"] if noted["kind"] in KINDS else "unknown"])]
    parts += [name for name, key in (("IPv4", "ipv4"), ("IPv6", "ipv6")) if noted[key]]
    parts += [tr("VPN")] if noted["vpn"] else []
    parts += [tr("a login page is in the way")] if noted.get("captive_portal") else []
    parts += [tr("metered")] if noted["metered"] else []
    if noted["on_battery"] and noted["charge"] is not None:
        parts.append(tr("battery {percent} %", percent=noted["charge"]))
    if noted["seen_isp"]:
        parts.append(tr("seen at {isp}", isp=noted["seen_isp"]))
    elif noted["seen_asn"]:
        parts.append(tr("seen at no ISP of the country (AS{number})", number=noted["seen_asn"]))
    return listed(parts)


def _hold(facts: Facts) -> str:
    if facts["hold"] == "paused" and facts["paused_until"]:
        return tr("paused by you until {moment}", moment=_local(facts["paused_until"]))
    return tr(HOLDS[facts["hold"]]) if facts["hold"] in HOLDS else str(facts["hold"])


def _plan(facts: Facts) -> str:
    if facts["plan_version"] is None:
        return tr("none yet")
    return tr(
        "{count} targets, version {version}, until {end}",
        count=facts["plan_targets"],
        version=facts["plan_version"],
        end=_local(facts["plan_expires"]),
    )


def _today(facts: Facts) -> str:
    return tr(
        "{count} measurements, {used:.2f} MB of {cap:.2f} MB",
        count=facts["measured_today"],
        used=facts["bytes_today"] / 1e6,
        cap=facts["bytes_cap"] / 1e6,
    )


def _path(facts: Facts) -> str:
    if facts["trace_obstacle"]:
        return tr("cannot be looked at here: {cause}", cause=lookup(facts["trace_obstacle"]))
    return tr("looked at {count} times today, {most} at most", count=facts["traced_today"], most=TRACES_DAY)


def _ever(facts: Facts) -> str:
    numbers = {name: facts[name] for name in ("produced", "acked", "waiting", "dropped", "rejected")}
    return tr(
        "{produced} measured, {acked} delivered, {waiting} waiting, {dropped} dropped{causes}, {rejected} rejected",
        causes=_causes(facts),
        **numbers,
    )


def _causes(facts: Facts) -> str:
    """Why measurements were dropped, where any was."""
    old, damaged = facts["dropped_old"] or 0, facts["dropped_damaged"] or 0
    full = (facts["dropped"] or 0) - old - damaged
    named = ((full, tr("full")), (old, tr("too old")), (damaged, tr("damaged")))
    causes = [f"{count} {cause}" for count, cause in named if count]
    return f" ({listed(causes)})" if causes else ""


def _standing(facts: Facts, most: int | None, *, colour: bool) -> list[str]:
    """What the network says of each platform: at the volunteer's ISP, and how many others say what."""
    held = facts["standing"]
    if not held:
        return []
    here = (facts["network"] or {}).get("seen_isp") or facts["isp"] or ""
    heading = tr("What the network says, {moment}", moment=_local(facts["standing_at"]))
    lines = ["", paint(heading, BOLD, on=colour)]
    own = {platform: _own(isps.get(here), colour=colour) for platform, isps in sorted(held.items())}
    names = max([width(platform) for platform in own] + [8])
    columns = max([width(text) for text, _ in own.values()] + [width(tr("at {isp}", isp=here))])
    lines.append(f"{' ' * names}  {padded(tr('at {isp}', isp=here or '?'), columns)}  {tr('elsewhere')}")
    for platform, (text, painted) in own.items():
        others = Counter(entry["state"] for isp, entry in held[platform].items() if isp != here)
        counts = listed(f"{tr(STATES[state])} {count}" for state, count in others.most_common() if state in STATES)
        space = " " * max(0, columns - width(text))
        lines.append(f"{padded(platform, names)}  {painted}{space}  {counts}".rstrip())
        lines += _how(held[platform].get(here), " " * (names + 2), most)
    return lines


def _how(entry: Facts | None, margin: str, most: int | None) -> list[str]:
    """The mechanism in a sentence, and as the collector calls it."""
    name = entry["mechanism"] if entry else ""
    if not name:
        return []
    told = tr(MECHANISMS[Mechanism(name)]) if name in MECHANISMS else ""
    return [hang(margin, f"{told} ({isolate(name)})" if told else str(isolate(name)), most)]


def _own(entry: Facts | None, *, colour: bool) -> tuple[str, str]:
    """One cell, as it is and in its colour."""
    state = entry["state"] if entry else "inconclusive"
    text = tr(STATES[state if state in STATES else "inconclusive"])
    if entry and state != "inconclusive":
        since = datetime.fromtimestamp(entry["since"], UTC).astimezone()
        text += " " + tr("since {moment}", moment=f"{since:%m-%d %H:%M}")
    return text, paint(text, _COLOURS[state], on=colour) if state in _COLOURS else text


def _local(moment: str | None) -> str:
    if moment is None:
        return "?"
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M}"
