"""Rules over processes that come and go: one dies, another goes on with its ISPs, and no alert notices."""

from pathlib import Path

from support.rulebench import ISPS, SEVERAL, Case, check

OWNER, OTHER = SEVERAL[:2]
MINE, THEIRS = list(ISPS)[:2]
"""An ISP of each."""

DIES = {OWNER: ((150.0, 600.0),)}
GONE = f"RabtaProcessDown {OWNER}"


def checked(*cases: Case, folder: Path) -> str:
    return check(cases, folder, scrape_s=5, processes=SEVERAL)


def test_a_block_stands_while_another_process_takes_it_over(tmp_path: Path) -> None:
    told = f"RabtaPlatformBlocked x {MINE}"
    case = Case(
        name="taken over",
        verdicts={("x", MINE): {0: "reachable", 60: "blocked"}},
        gone=DIES,
        firing=dict.fromkeys(range(75, 210, 5), (told,)) | {240: (told, GONE), 590: (told, GONE)},
    )
    assert "" == checked(case, folder=tmp_path)


def test_what_the_dead_said_last_is_no_state_once_another_says_otherwise(tmp_path: Path) -> None:
    told = f"RabtaPlatformBlocked x {MINE}"
    ends = Case(
        name="over since",
        verdicts={("x", MINE): {0: "reachable", 60: "blocked", 155: "reachable"}},
        gone=DIES,
        firing={150: (told,), 160: (told,)} | dict.fromkeys(range(170, 210, 5), ()) | {300: (GONE,)},
    )
    returns = Case(
        name="the first one comes back after a change, and a gap",
        verdicts={("x", MINE): {0: "blocked", 200: "reachable"}},
        gone={OWNER: ((150.0, 260.0),), OTHER: ((255.0, 290.0),)},
        firing={190: (told,), 230: (GONE,), 245: (GONE,)}
        | dict.fromkeys((*range(205, 225, 5), *range(270, 400, 5)), ()),
    )
    outage = Case(
        name="an outage that is over since",
        isps={MINE: {0: "down", 155: "up"}},
        gone=DIES,
        firing={150: (f"RabtaIspDown {MINE}",)} | dict.fromkeys(range(170, 210, 5), ()),
    )
    assert "" == checked(ends, returns, outage, folder=tmp_path)


def test_a_share_that_is_taken_over_fires_nothing_by_itself(tmp_path: Path) -> None:
    quiet = Case(name="taken over", gone=DIES, firing=dict.fromkeys(range(150, 215, 5), ()) | {240: (GONE,)})
    assert "" == checked(quiet, folder=tmp_path)


def test_one_of_several_is_told_of_and_all_of_them_are_the_collector(tmp_path: Path) -> None:
    one = Case(
        name="one that takes agents",
        gone={"i0": ((60.0, 300.0),)},
        firing=dict.fromkeys(range(60, 130, 5), ()) | {140: ("RabtaProcessDown i0",), 305: ()},
    )
    restart = Case(
        name="a restart of each in turn",
        gone={name: ((60.0 + 60 * n, 90.0 + 60 * n),) for n, name in enumerate(SEVERAL)},
        firing=dict.fromkeys(range(60, 400, 5), ()),
    )
    every = Case(
        name="all",
        gone=dict.fromkeys(SEVERAL, ((60.0, 300.0),)),
        firing={95: (), 105: ("RabtaCollectorDown",), 290: ("RabtaCollectorDown",), 305: ()},
    )
    deciding = Case(
        name="all that decide",
        gone=dict.fromkeys(SEVERAL[:2], ((60.0, 400.0),)),
        firing={
            115: (),
            125: ("RabtaCollectorDown",),
            200: ("RabtaCollectorDown", f"RabtaProcessDown {OWNER}", f"RabtaProcessDown {OTHER}"),
            405: (),
        },
    )
    assert "" == checked(one, restart, every, deciding, folder=tmp_path)


def test_a_share_that_nobody_takes_over_is_a_collector_that_is_down(tmp_path: Path) -> None:
    case = Case(
        name="orphaned",
        gone=DIES,
        orphaned=((0.0, 600.0),),
        firing={205: (), 230: ("RabtaCollectorDown", GONE), 590: ("RabtaCollectorDown", GONE), 620: ()},
    )
    assert "" == checked(case, folder=tmp_path)


def test_with_one_process_alone_it_is_the_collector_that_is_gone(tmp_path: Path) -> None:
    case = Case(name="alone", missed=((60, 400),), firing={200: ("RabtaCollectorDown",), 390: ("RabtaCollectorDown",)})
    assert "" == check([case], tmp_path, scrape_s=5)
