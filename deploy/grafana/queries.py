"""Expressions and levels that several boards share."""

from panels import STATES, Query, state_of

# A number that is good at 0 and bad from 1 on; bad below 1; few below 2.
BAD_FROM_1 = ((None, "#009e73"), (1, "#b34600"))
BAD_BELOW_1 = ((None, "#b34600"), (1, "#009e73"))
FEW_BELOW_2 = ((None, "#b34600"), (1, "#e69f00"), (2, "#009e73"))
TROUBLE = 'state=~"blocked|throttled|disrupted|down"'
CELL = 'platform=~"$platform",isp=~"$isp"'
COLUMNS = (("platform", "platform"), ("isp", "isp"), ("state", "State"), ("mechanism", "Mechanism"), ("Value", "Since"))
CHANGED = "max by (platform, isp) (rabta_verdict_changed_timestamp_seconds)"


def verdict(selector: str = "") -> str:
    return state_of("rabta_verdict", "platform, isp", STATES, selector and f",{selector}")


def trouble(selector: str) -> Query:
    """Since when, in ms, with state and, where there is one, mechanism as labels."""
    standing = f"(max by (platform, isp, state) (rabta_verdict{{{selector},{TROUBLE}}}) == 1)"
    since = f"1000 * {standing} * on (platform, isp) group_left () {CHANGED}"
    how = "max by (platform, isp, mechanism) (rabta_verdict_mechanism)"
    return Query(
        expr=f"({since}) * on (platform, isp) group_left (mechanism) {how} or on (platform, isp) ({since})",
        instant=True,
    )


def share(by: str, selector: str) -> str:
    """Failed attempts over all attempts: each summed by itself, never a mean of shares."""
    failed = f"sum by ({by}) (rate(rabta_measurement_failures_total{{{selector}}}[$__rate_interval]))"
    tried = f"sum by ({by}) (rate(rabta_measurements_total{{{selector}}}[$__rate_interval]))"
    return f"{failed} / ({tried} > 0)"
