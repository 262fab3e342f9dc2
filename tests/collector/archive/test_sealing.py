"""Days are sealed whole, once, and can be read back; whatever is done to an archive afterwards is named."""

import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from rabta_collector import journal_file
from rabta_collector.archive.chain import InvalidCheckpointError, read_checkpoint
from rabta_collector.archive.reading import last_row_of, read_rows
from rabta_collector.archive.sealing import ArchiveError
from rabta_collector.archive.table import DAMAGED, open_duck
from rabta_collector.archive.verifying import Verification
from rabta_collector.journal_file import Row
from rabta_proto.v1 import collector_pb2 as link
from support.factories import NOON
from support.house import DAY_S, House
from support.programs import require


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = House(tmp_path_factory.mktemp("sealed"))
    assert ["2024-02-17", "2024-02-18"] == [one.day for one in house.seal()]
    return house


@pytest.fixture
def house(sealed: House, tmp_path: Path) -> House:
    """The same, to be spoilt."""
    shutil.copytree(sealed.folder, tmp_path / "data")
    return House(tmp_path / "data", measured=False)


def bare(row: Row) -> tuple[object, ...]:
    """A row, its payload as what it says."""
    batch = link.MeasurementBatch.FromString(row.payload)
    return (row.id, row.kind, row.at_us, row.agent, row.isp, row.role, row.epoch, row.count, batch)


def test_what_is_read_back_is_what_the_journal_had(sealed: House) -> None:
    last = last_row_of(sealed.root)
    expected = [bare(row) for row, _ in sealed.rows() if row.id <= last]
    assert 20 < len(expected) < len(sealed.rows())
    assert expected == [bare(row) for row in read_rows(sealed.parts(), 0)]
    assert expected[7:] == [bare(row) for row in read_rows(sealed.parts(), 7)]


def test_a_day_is_sealed_once_and_today_never(sealed: House) -> None:
    assert [] == sealed.seal()
    assert [] == sealed.seal(NOON + 2.5 * DAY_S - 0.01)
    assert [] == sealed.problems(public_key=sealed.signer.public_key)


def test_the_next_day_goes_on_where_the_last_one_ended(house: House) -> None:
    (third,) = house.seal(NOON + 3 * DAY_S)
    assert "2024-02-19" == third.day
    assert len(house.rows()) == last_row_of(house.root)
    assert [] == house.problems()


def test_the_table_can_be_asked_by_platform_and_time(sealed: House) -> None:
    with open_duck() as duck:
        found = duck.execute(
            "SELECT day, isp, count(*) FROM read_parquet(?, hive_partitioning = true)"
            " WHERE platform = 'x' AND isp = 'ptcl' AND kind = 1 AND failure = '' GROUP BY ALL ORDER BY ALL",
            [f"{sealed.root}/measurements/*/*.parquet"],
        ).fetchall()
    assert [("2024-02-17", "ptcl", 5), ("2024-02-18", "ptcl", 5)] == [(str(row[0]), *row[1:]) for row in found]


def test_a_damaged_row_is_kept_as_it_is_and_told(tmp_path: Path) -> None:
    house = House(tmp_path)
    with closing(journal_file.connect(house.journal)) as connection:
        connection.execute("UPDATE entries SET payload = x'ffff', agent = ? WHERE id = 9", ("a\nb\0c",))
    assert [1, 0] == [one.damaged for one in house.seal()]
    (row,) = [row for row in read_rows(house.parts(), 0) if row.id == 9]
    assert (DAMAGED, b"\xff\xff") == (row.kind, row.payload)


def test_a_run_that_was_stopped_is_made_up_for(house: House) -> None:
    """Files of a day without a checkpoint are of no account, and the next run makes the day anew."""
    (house.root / "measurements/day=2024-02-19").mkdir()
    (house.root / "measurements/day=2024-02-19/part-0007.parquet").write_bytes(b"half")
    (house.root / "draft").mkdir()
    (house.root / "draft/draft.csv").write_bytes(b"half")
    house.seal(NOON + 3 * DAY_S)
    assert [] == house.problems()


def spoil_byte(name: str, at: int = 100) -> Callable[[Path], str]:
    def spoil(root: Path) -> str:
        content = bytearray((root / name).read_bytes())
        content[min(at, len(content) - 1)] ^= 1
        (root / name).write_bytes(content)
        return name

    return spoil


def remove(name: str) -> Callable[[Path], str]:
    def spoil(root: Path) -> str:
        (root / name).unlink()
        return name

    return spoil


def add(name: str) -> Callable[[Path], str]:
    def spoil(root: Path) -> str:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"PAR1")
        return name

    return spoil


def swap(one: str, other: str) -> Callable[[Path], str]:
    def spoil(root: Path) -> str:
        first, second = (root / one).read_bytes(), (root / other).read_bytes()
        (root / one).write_bytes(second)
        (root / other).write_bytes(first)
        return one

    return spoil


PART = "measurements/day=2024-02-17/part-0001.parquet"


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_byte(PART),
        spoil_byte(PART, 10**9),
        spoil_byte("measurements/day=2024-02-18/part-0001.parquet"),
        spoil_byte("events/2024-02-18.jsonl"),
        spoil_byte("chain/2024-02-17.txt", 60),
        spoil_byte("chain/2024-02-18.txt"),
        remove(PART),
        remove("events/2024-02-17.jsonl"),
        remove("chain/2024-02-17.txt"),
        remove("chain/2024-02-17.sig"),
        add("measurements/day=2024-02-17/part-0002.parquet"),
        add("measurements/day=2024-02-20/part-0001.parquet"),
        add("events/2024-02-20.jsonl"),
        add("chain/2024-02-16.txt"),
        swap(PART, "measurements/day=2024-02-18/part-0001.parquet"),
        swap("chain/2024-02-17.txt", "chain/2024-02-18.txt"),
        remove("chain/key.pem"),
    ],
)
def test_whatever_is_done_to_an_archive_is_named(house: House, spoil: Callable[[Path], str]) -> None:
    name = spoil(house.root)
    assert any(line.startswith(f"{name}: ") for line in house.problems())


def test_any_byte_of_the_chain_that_is_altered_is_noticed(house: House) -> None:
    dice = Random(1)
    for file in sorted((house.root / "chain").iterdir()):
        whole = file.read_bytes()
        for at in [0, len(whole) - 1, *dice.sample(range(len(whole)), 20)]:
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
            assert any("chain/" in line for line in house.problems()), (file.name, at)
        file.write_bytes(whole)
    assert [] == house.problems()


def test_that_the_newest_is_gone_shows_by_what_the_collector_remembers(house: House) -> None:
    head = house.seal(NOON + 3 * DAY_S)[-1]
    for name in ("chain/2024-02-19.txt", "chain/2024-02-19.sig", "events/2024-02-19.jsonl"):
        (house.root / name).unlink()
    shutil.rmtree(house.root / "measurements/day=2024-02-19")
    assert [] == house.problems()
    (said,) = house.problems(head=(head.day, head.digest))
    assert said.startswith("chain/2024-02-19.txt: removed")


def test_an_archive_that_was_signed_by_another_is_not_ours(house: House, tmp_path: Path) -> None:
    """Whoever makes all of it anew, key included, does not have the collector's."""
    (tmp_path / "other").mkdir()
    other = House(tmp_path / "other")
    other.seal()
    assert [] == other.problems()
    assert "chain/key.pem: no key of the collector's" in other.problems(public_key=house.signer.public_key)


def test_a_folder_without_an_archive_is_no_whole_archive(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="nothing sealed"):
        list(Verification(root=tmp_path).problems())


@pytest.mark.parametrize(
    "text", [b"", b"\xff", b"# Rabta archive checkpoint 2\n", b"# Rabta archive checkpoint 1\n# day: x\n"]
)
def test_what_is_no_checkpoint_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(InvalidCheckpointError):
        read_checkpoint(text)


def recipe(root: Path) -> tuple[bool, str]:
    """The recipe of the README, as it stands there."""
    readme = Path(__file__).parents[3] / "collector" / "README.md"
    script = readme.read_text(encoding="utf-8").split("<!-- recipe -->\n```sh\n")[1].split("```")[0]
    done = subprocess.run(["sh", "-c", script], cwd=root, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def test_an_expert_can_check_it_with_openssl_and_sha256sum(house: House) -> None:
    require("openssl", "openssl")
    require("sha256sum", "coreutils")
    good, said = recipe(house.root)
    assert good, said
    assert 2 == said.count("Signature Verified Successfully")
    for spoil in (spoil_byte(PART), spoil_byte("events/2024-02-18.jsonl"), spoil_byte("chain/2024-02-18.txt")):
        name = spoil(house.root)
        good, said = recipe(house.root)
        assert not good
        assert name in said
        spoil(house.root)
    add("events/2024-02-20.jsonl")(house.root)
    good, said = recipe(house.root)
    assert not good
    assert "events/2024-02-20.jsonl" in said
