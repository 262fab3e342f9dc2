"""Categories of sites by the Citizen Lab's lists (https://github.com/citizenlab/test-lists), and which are risky. Pure.

Being seen to look up a site of a risky category may itself bring a volunteer into danger. None of them is measured
until the volunteer takes it in by name, whatever a plan asks for.
"""

from collections.abc import Iterable

from rabta_agent.words import mark, tr

NAMES = {
    "ALDR": mark("alcohol and drugs"),
    "ANON": mark("circumvention tools and VPNs"),
    "COMM": mark("electronic commerce"),
    "COMT": mark("messengers and other communication"),
    "CTRL": mark("content for comparison"),
    "CULTR": mark("culture"),
    "DATE": mark("online dating"),
    "ECON": mark("economics"),
    "ENV": mark("environment"),
    "FILE": mark("file sharing"),
    "GAME": mark("games"),
    "GMB": mark("gambling"),
    "GOVT": mark("government"),
    "GRP": mark("other social networks"),
    "HACK": mark("hacking tools"),
    "HATE": mark("hate speech"),
    "HOST": mark("hosting and blogs"),
    "HUMR": mark("human rights"),
    "IGO": mark("intergovernmental organisations"),
    "LGBT": mark("LGBTQ+"),
    "MILX": mark("militants and extremists"),
    "MMED": mark("media sharing"),
    "NEWS": mark("news"),
    "POLR": mark("political criticism and parties"),
    "PORN": mark("pornography"),
    "PROV": mark("provocative attire"),
    "PUBH": mark("public health"),
    "REL": mark("religion"),
    "SOCIAL": mark("social networks such as X or Facebook"),
    "SRCH": mark("search engines"),
    "XED": mark("sex education"),
}
RISKY = frozenset({"ALDR", "DATE", "GMB", "HACK", "HATE", "HUMR", "LGBT", "MILX", "POLR", "PORN", "PROV", "REL", "XED"})


def find_left_out(left_out: Iterable[str] | None, taken_in: Iterable[str] | None) -> frozenset[str]:
    """What is not measured: risky categories that were not taken in, and what was left out."""
    return (RISKY - frozenset(taken_in or ())) | frozenset(left_out or ())


def tell_left_out(codes: Iterable[str]) -> list[str]:
    """What of it the collector is told, so that it asks others: known codes alone, no words of the volunteer's own."""
    return sorted(NAMES.keys() & codes)


def parse_categories(text: str) -> tuple[str, ...]:
    """Codes with commas between them; none is an empty list. Raises `ValueError` for what is no code."""
    codes = tuple(dict.fromkeys(code.strip().upper() for code in text.split(",") if code.strip()))
    if wrong := [code for code in codes if not (code.isalnum() and code.isascii() and len(code) <= 16)]:
        raise ValueError(
            tr('"{code}" is no category (such as NEWS); known are {known}', code=wrong[0], known=", ".join(NAMES))
        )
    return codes
