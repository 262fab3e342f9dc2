"""What somebody who joins on a terminal is told, and asked. Nothing is sent before they have agreed."""

import sys
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field

from rabta_agent.categories import NAMES, RISKY, parse_categories
from rabta_agent.cli.lines import fold, say, terminal_width
from rabta_agent.config import Config, parse_bytes, parse_span
from rabta_agent.exits import CommandError
from rabta_agent.words import mark, tr

PROVINCES = (
    mark("Punjab"),
    mark("Sindh"),
    mark("Khyber Pakhtunkhwa"),
    mark("Balochistan"),
    mark("Islamabad"),
    mark("Gilgit-Baltistan"),
    mark("Azad Jammu and Kashmir"),
)
_YES = ("y", "yes", "ہاں", "ha", "haan", "جی")
COLUMNS = 78
Ask = Callable[[str], str]


@dataclass(slots=True, kw_only=True)
class Answers:
    """What came of it. `keys` go into the configuration."""

    province: str = ""
    keys: dict[str, object] = field(default_factory=dict)


def tell(collector: str) -> Iterator[str]:
    """What it does, what it never does, who gets it, and the risk, a paragraph each."""
    yield tr(
        "Rabta measures, from your computer and your connection, whether sites and apps can be reached, "
        "and sends what it saw to a collector."
    )
    yield tr(
        "What it does: for each address of a plan it looks up the name, connects, begins encryption and "
        "asks for the start of the page, as a browser would, without cookies."
    )
    yield tr(
        "What it never does: it does not look at your own traffic, does not contact your home or office "
        "network, opens no port, and sends neither your address nor your name nor your place (at most the province, "
        "if you say it)."
    )
    yield tr(
        "Who gets it: whoever runs the collector, {collector}. Like every server it sees the address that you connect "
        "from; it is built to store it nowhere. Join only if you trust those who invited you.",
        collector=collector,
    )
    yield tr(
        "The risk: your provider can see these connections, as it sees all others; some of the sites may "
        "be blocked where you live, and a regular pattern may stand out. If that could bring you into "
        "danger, do not join."
    )
    yield tr(
        "What it costs: up to {size:.0f} MB a day unless you say less, little power. You can stop at any "
        "time with `rabta-agent pause`, or erase everything with `rabta-agent leave`.",
        size=15,
    )


def consent(collector: str, ask: Ask = input) -> None:
    """Raises `CommandError` unless the volunteer agrees. `collector`: where it is."""
    for paragraph in tell(collector):
        print("\n".join(fold(paragraph, min(COLUMNS, terminal_width() or COLUMNS))) + "\n")
    if _answer(ask, tr("Do you agree to this? (yes/no) ")).lower() not in _YES:
        raise CommandError(tr("not joined: nothing was sent and nothing is kept"))


def choose(config: Config, province: str, ask: Ask = input) -> Answers:
    """Asks for what was not said by flags already; an empty answer takes what is in force."""
    answers = Answers(province=province)
    size = config.day_allowance / 1e6
    _title(tr("A few questions. Press Enter for what stands in brackets."))
    most = tr("Most megabytes a day; 15 a day are 450 in a month [{size:g}]: ", size=size)
    _until_good(ask, most, lambda text: _set_bytes(answers, text))
    _title(tr("Kinds of sites that may be measured, as far as the plan names any:"))
    _list_categories(set(NAMES) - RISKY)
    leave_out = tr("Leave any out? Their codes, with commas between them [none]: ")
    _until_good(ask, leave_out, lambda text: _set_codes(answers, "leave_out", text))
    _title(tr("These are risky to touch, and off until you choose them:"))
    _list_categories(RISKY)
    take_in = tr("Take any in? Their codes, with commas between them [none]: ")
    _until_good(ask, take_in, lambda text: _set_codes(answers, "take_in", text))
    _title(tr("You may name hours in which nobody is contacted."))
    _until_good(ask, tr("Hours of silence, such as 23:00-07:00 [none]: "), lambda text: _set_hours(answers, text))
    if not province:
        _title(tr("Provinces:"))
        for number, name in enumerate(PROVINCES, 1):
            print(f"  {number} {tr(name)}")
        _until_good(
            ask,
            tr("The number of yours, if you like; never anything finer [not said]: "),
            lambda text: _set_province(answers, text),
        )
    return answers


def _title(text: str) -> None:
    """Sets a question off from the one before."""
    print()
    say(text)


def _list_categories(codes: Set[str]) -> None:
    for code in sorted(codes):
        print(f"  {code:<6} {tr(NAMES[code])}")


def _until_good(ask: Ask, question: str, take: Callable[[str], None]) -> None:
    while text := _answer(ask, question):
        try:
            return take(text)
        except ValueError as wrong:
            say(str(wrong))


def _answer(ask: Ask, question: str) -> str:
    try:
        return ask(question).strip()
    except EOFError:
        raise CommandError(tr("not joined: nothing was sent and nothing is kept")) from None


def _set_bytes(answers: Answers, text: str) -> None:
    count = parse_bytes(text if text[-1:].isalpha() else f"{text}MB")
    if count < 1_000_000:
        raise ValueError(tr("less than 1 MB a day measures next to nothing; pause instead"))
    answers.keys["bytes_per_day"] = count


def _set_codes(answers: Answers, key: str, text: str) -> None:
    codes = parse_categories(text)
    if wrong := [code for code in codes if code not in NAMES]:
        raise ValueError(tr('"{code}" is none of these codes', code=wrong[0]))
    answers.keys[key] = codes


def _set_hours(answers: Answers, text: str) -> None:
    answers.keys["quiet_hours"] = "-".join(f"{moment:%H:%M}" for moment in parse_span(text))


def _set_province(answers: Answers, text: str) -> None:
    named = {str(number): name for number, name in enumerate(PROVINCES, 1)} | {name.lower(): name for name in PROVINCES}
    if text.lower() not in named:
        raise ValueError(tr('"{text}" is none of these; type its number', text=text))
    answers.province = named[text.lower()]


def on_a_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()
