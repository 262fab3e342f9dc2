"""`export`: writes the journal's measurements as open data, beside a running collector.

Standard error tells how far it has come, and at the end how much was written and what was left out.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing

from rabta_collector.catalogue import Isp
from rabta_collector.cli.options import add_config, config_of, existing_data
from rabta_collector.cli.progress import Progress
from rabta_collector.config import Config
from rabta_collector.export.columns import ParquetForm, writing_parquet
from rabta_collector.export.files import STDOUT, writing
from rabta_collector.export.forms import CsvForm, Form, JsonForm, OoniForm
from rabta_collector.export.judged import Bench, Judged, Selection
from rabta_collector.export.rows import JournalReader
from rabta_collector.isps import load_isps
from rabta_collector.networks import open_networks
from rabta_collector.rfc3339 import format_time, parse_time
from rabta_collector.rows import where_of
from rabta_collector.targets import load_catalogue

FORMS: Mapping[str, Callable[[Sequence[Isp]], Form]] = {
    "ooni": OoniForm,
    "jsonl": lambda _: JsonForm(),
    "csv": lambda _: CsvForm(),
    "parquet": lambda _: ParquetForm(),
}
_FORM_OF = {"ooni": "OONI", "jsonl": "protobuf JSON", "csv": "CSV", "parquet": "Parquet"}


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("export", help="write the journal's measurements as open data")
    add_config(command, ("data", "journal", "targets", "isps", "asn_db"))
    command.add_argument("--format", required=True, choices=sorted(FORMS), help="what to write")
    command.add_argument("--since", metavar="TIME", type=_time, help="begun at this time or after it, RFC 3339")
    command.add_argument("--until", metavar="TIME", type=_time, help="begun before this time")
    command.add_argument("--platform", metavar="ID", help="this platform alone")
    command.add_argument("--isp", metavar="ID", help="this ISP alone")
    command.add_argument("--out", metavar="PATH", required=True, help="gzip where it ends in .gz; - is standard output")
    command.set_defaults(run=run)


def _time(text: str) -> float:
    try:
        return parse_time(f"{text}T00:00:00Z" if len(text) == 10 else text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None


def run(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    config = config_of(options, environment)
    with closing(Progress()) as progress:
        return _export(options, config, progress)


def _export(options: argparse.Namespace, config: Config, progress: Progress) -> int:
    isps, data, written = load_isps(config.isps), existing_data(config), 0

    def heard(at: float) -> None:
        doing = f"{written} measurements written, {progress.rate(written)}" if written else "reading"
        progress.tell(lambda: f"{doing}, at {format_time(at)}", lambda: bench.share)

    bench = Bench(
        reader=JournalReader(path=where_of(config), archive=data.archive),
        catalogue=load_catalogue(config.targets),
        settings=config.settings,
        asn_of=open_networks(isps, config.asn_db).asn_of if config.asn_db else None,
        heard=heard,
    )
    wanted = Selection(since=options.since, until=options.until, platform=options.platform, isp=options.isp)
    form, formless = FORMS[options.format](isps), Counter[str]()
    opening = writing_parquet if options.format == "parquet" else writing
    with opening(options.out) as write:
        write(form.header)
        for judged in bench.judge(wanted):
            line = form.line(judged)
            if line is None:
                formless[_scheme(judged)] += 1
                continue
            written += 1
            write(line)
    place = "standard output" if options.out == STDOUT else options.out
    progress.say(f"{written} measurements to {place} in {progress.seconds:.1f} s")
    for line in _left_out(formless, bench.reader.damaged, _FORM_OF[options.format]):
        progress.say(line)
    return 0


def _scheme(judged: Judged) -> str:
    return judged.measurement.target.partition(":")[0]


def _left_out(formless: Mapping[str, int], damaged: int, form: str) -> list[str]:
    lines = []
    if formless:
        kinds = ", ".join(f"{count} of {scheme}:" for scheme, count in sorted(formless.items()))
        total = sum(formless.values())
        lines.append(f"skipped {total} measurements of targets that {form} has no form for ({kinds})")
    if damaged:
        lines.append(f"skipped {damaged} damaged rows of the journal")
    return lines
