"""The rules by which one measurement is judged, as a table: first match wins, the last row matches anything.

Ids are public and for ever; a changed meaning is a new id, and any change of the table raises `RULES_VERSION`. A row
says when it matches (a question to `Facts`), how much speaks for what (`weights`, weights.py), what a person is told
(`evidence`), and why it is so (`comment`, shown beside verdicts that hang on it; `source` names where the reasoning
comes from). The rows stand in table/, a file for each layer; here is their order: a vantage that says nothing; marks
that decide by themselves; success; what proves a block without a control; the site's own faults; what a control proves;
and why nothing can be said.
"""

from rabta_collector.verdict.rule import Rule as Rule
from rabta_collector.verdict.table import (
    addresses,
    controls,
    handshakes,
    lies,
    names,
    pages,
    quic,
    transfers,
    vantage,
    vpn,
)
from rabta_proto.vocabulary import Judgement

__all__ = ["RULES", "RULES_BY_ID", "RULES_VERSION", "Rule", "to_markdown"]

RULES_VERSION = 9

RULES: tuple[Rule, ...] = (
    *vantage.SPEECHLESS,
    # Marks that decide by themselves
    names.KNOWN,
    pages.KNOWN_REDIRECT,
    names.KNOWN_PAGE,
    pages.KNOWN_PAGE,
    # An answer came
    *vantage.ASTRAY,
    *pages.DIVERTED,
    *transfers.SLOWED,
    *pages.REACHED,
    *names.ANOTHER_PAGE,
    *pages.DIFFERENT,
    *names.AGREED,
    vpn.ANSWERED,
    # None came, or nobody's
    *vantage.IN_THE_WAY,
    *lies.PROVED,
    *names.UNDECIDED,
    *pages.NOT_ASKED,
    *handshakes.PROVED,
    *quic.PROVED,
    handshakes.SITE_S_CERTIFICATE,
    controls.SITE_IS_DOWN,
    *vantage.EXCUSES,
    *vpn.EXCUSES,
    *names.BY_CONTROL,
    *addresses.BY_CONTROL,
    names.CERTIFICATE_BY_CONTROL,
    *handshakes.BY_CONTROL,
    *quic.BY_CONTROL,
    *vpn.BY_CONTROL,
    *pages.BY_CONTROL,
    # Nobody can tell
    *quic.UNEXPLAINED,
    *vpn.UNEXPLAINED,
    *controls.UNKNOWN,
)
RULES_BY_ID = {rule.id: rule for rule in RULES}


def to_markdown() -> str:
    """The table for the README."""
    rows = [
        f"| `{rule.id}` | {_finding(rule)} | {f'`{rule.mechanism}`' if rule.mechanism else ''} | {rule.comment} |"
        for rule in RULES
    ]
    return "\n".join(["| rule | finding | mechanism | because |", "|---|---|---|---|", *rows]) + "\n"


def _finding(rule: Rule) -> str:
    sure = "" if rule.judgement is Judgement.INCONCLUSIVE else f" {rule.weights.of_judgement:.2f}"
    return f"{rule.judgement}{sure}{', by the server itself' if rule.server_side else ''}"
