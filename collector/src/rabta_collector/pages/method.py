"""What the page on the method shows from the code itself, so that it cannot go out of date. Pure."""

from collections.abc import Mapping

from rabta_collector.pages.words import ISP_MEANINGS, MEANINGS, MECHANISMS, STEPS, make_mark
from rabta_collector.verdict.rules import RULES, RULES_VERSION


def method_values() -> Mapping[str, object]:
    return {
        "states": [(make_mark(state), meaning) for state, meaning in MEANINGS.items()],
        "isp_states": [(make_mark(state), meaning) for state, meaning in ISP_MEANINGS.items()],
        "mechanisms": [(str(mechanism), meaning) for mechanism, meaning in MECHANISMS.items()],
        "steps": [(str(step), meaning) for step, meaning in STEPS.items()],
        "rules": RULES,
        "rules_version": RULES_VERSION,
    }


def to_markdown() -> str:
    """The table of mechanisms for the README."""
    rules = {mechanism: [f"`{rule.id}`" for rule in RULES if rule.mechanism is mechanism] for mechanism in MECHANISMS}
    rows = [
        f"| `{mechanism}` | {meaning} | {', '.join(rules[mechanism])} |" for mechanism, meaning in MECHANISMS.items()
    ]
    return "\n".join(["| mechanism | in plain words | rules that say so |", "|---|---|---|", *rows]) + "\n"
