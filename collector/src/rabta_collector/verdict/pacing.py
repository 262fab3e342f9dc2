"""Sentences about timed reads, for people. Pure."""

from statistics import median

from rabta_collector.verdict.facts import Facts
from rabta_collector.verdict.pace import Comparison, held, percent, rate


def by_name(f: Facts) -> str:
    reads = f.reads
    return (
        f"{len(reads.own)} reads under {f.name} were {_held(reads.by_name)}, {len(reads.innocuous)} under another name "
        f"at the same server {_reached(reads.by_name)}: {percent(reads.by_name.ratio)} (p {reads.by_name.p:.3f}); "
        f"{_controls(f)}"
    )


def by_handshake(f: Facts) -> str:
    own, other = f.reads.handshakes.own, f.reads.handshakes.other
    return (
        f"{len(own)} handshakes under {f.name} took {1 / median(own):.2f} s, {len(other)} under another name at the "
        f"same server {1 / median(other):.2f} s (p {f.reads.handshakes.p:.3f}); controls shook hands sooner"
    )


def by_address(f: Facts) -> str:
    line = f.reads.by_line
    return (
        f"{len(line.own)} reads at the server of {f.name} were {_held(line)}, {len(line.other)} of another site from "
        f"here {_reached(line)}: {percent(line.ratio)} (p {line.p:.3f}); {_controls(f)}"
    )


def for_all(f: Facts) -> str:
    return f"{_compared(f)}; {_controls(f)}, which is as slow"


def unconfirmed(f: Facts) -> str:
    missing = "no control has read it" if not f.reads.controls_read else _controls(f)
    return f"{_compared(f)}; {missing}"


def _compared(f: Facts) -> str:
    pace = f.reads.pace
    return f"Reads under {f.name} were slower" if pace is None else f"Reads under {f.name} were {held(pace)}"


def _held(one: Comparison) -> str:
    return f"held to {rate(median(one.own))} ({rate(min(one.own))} to {rate(max(one.own))})"


def _reached(one: Comparison) -> str:
    return f"reached {rate(median(one.other))} ({rate(min(one.other))} to {rate(max(one.other))})"


def _controls(f: Facts) -> str:
    return f"controls reached {rate(f.reads.controls_plateau)} under this name"
