"""A story file is read whole or refused with the entry and the key that are wrong."""

from pathlib import Path

import pytest

from lab.atlas import PAKISTAN
from lab.censor import Action, Rule
from lab.story import STORIES, Cell, Event, Expectation, Story, StoryError, load_story
from rabta_proto.vocabulary import State

HEAD = 'title = "t"\nlength = 60\n'
ACT = '[[act]]\nat = 3\nisp = "ptcl"\nplatform = "x"\naction = "sni_reset"\n'
EXPECT = (
    '[[expect]]\nfrom = 3\nwithin = 9\nisp = "ptcl"\nplatform = "x"\nstate = "blocked"\nmechanism = "tls.reset.sni"\n'
)


def read(folder: Path, text: str) -> Story:
    path = folder / "a.toml"
    path.write_text(text, encoding="utf-8")
    return load_story(path, PAKISTAN)


def of_cell(story: Story, isp: str, platform: str | None) -> list[Expectation]:
    return [expected for expected in story.expectations if expected.cell == Cell(isp=isp, platform=platform)]


@pytest.mark.parametrize("path", sorted(STORIES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_story_that_is_kept_here_can_be_played(path: Path) -> None:
    story = load_story(path, PAKISTAN)
    assert all(act.at < story.length for act in story.acts)
    assert all(expected.at + expected.within <= expected.until for expected in story.expectations)


def test_an_act_is_read_with_its_rule(tmp_path: Path) -> None:
    (act,) = read(tmp_path, HEAD + ACT).acts
    assert (3.0, Rule(action=Action.SNI_RESET), ("ptcl",), "x") == (act.at, act.what, act.isps, act.site)


def test_acts_are_played_in_order_of_time(tmp_path: Path) -> None:
    story = read(tmp_path, HEAD + ACT + ACT.replace("at = 3", "at = 1"))
    assert [1.0, 3.0] == [act.at for act in story.acts]


def test_a_kind_of_isp_stands_for_all_of_that_kind(tmp_path: Path) -> None:
    (act,) = read(tmp_path, HEAD + '[[act]]\nat = 1\nisp = "mobile"\naction = "shut"\n').acts
    assert (Event.SHUT, ("zong", "jazz")) == (act.what, act.isps)


def test_every_cell_is_expected_to_be_reachable_until_the_story_says_otherwise(tmp_path: Path) -> None:
    story = read(tmp_path, HEAD + EXPECT)
    calm, blocked = of_cell(story, "ptcl", "x")
    assert ((0.0, 3.0, frozenset({State.REACHABLE})), (3.0, 60.0, frozenset({State.BLOCKED}))) == (
        (calm.at, calm.until, calm.states),
        (blocked.at, blocked.until, blocked.states),
    )
    assert [60.0] == [expected.until for expected in of_cell(story, "jazz", "youtube")]


def test_an_expectation_without_a_platform_is_about_the_isp_itself(tmp_path: Path) -> None:
    text = HEAD + '[[expect]]\nfrom = 3\nwithin = 9\nisp = "mobile"\nstate = ["down", "unknown"]\n'
    (expected,) = of_cell(read(tmp_path, text), "jazz", None)
    assert {"down", "unknown"} == expected.states


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (ACT, "the story, length: is not a number of seconds"),
        (HEAD + "pace = 2\n", "the story, pace: is not a key here"),
        (HEAD + ACT.replace("ptcl", "telstar"), "act 1, isp: 'telstar' is not in this country"),
        (HEAD + ACT + ACT.replace('"x"', '"y"'), "act 2, platform: 'y' is not in this country"),
        (HEAD + ACT.replace("sni_reset", "sni_rest"), "act 1, action: 'sni_rest' is not one of"),
        (HEAD + ACT.replace("at = 3", "at = -3"), "act 1, at: is not a number of seconds"),
        (HEAD + ACT + 'bytes_per_second = "slow"\n', "act 1, bytes_per_second: is not a"),
        (HEAD + EXPECT.replace("blocked", "gone"), "expect 1, state: is not one or more of"),
        (HEAD + EXPECT.replace("tls.reset.sni", "magic"), "expect 1, mechanism: is not one or more of"),
        (HEAD + "[act]\nat = 1\n", "the story, act: is not a list of tables"),
        (HEAD + "[[act", "a.toml: "),
    ],
)
def test_a_story_that_cannot_be_played_is_refused_by_name(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(StoryError) as refused:
        read(tmp_path, text)
    assert str(refused.value).startswith("a.toml: ")
    assert error in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_story_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(StoryError, match=r"a\.toml"):
        load_story(tmp_path / "a.toml", PAKISTAN)
