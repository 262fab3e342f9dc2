"""Which tests stay in one process where several run side by side (pytest-xdist)."""

from xdist.scheduler import LoadFileScheduling

_OF_ONE_LAB = ("agent", "censors", "lab", "slowed", "through", "tunnel", "vantages", "zones")
TOGETHER = {
    "stories": ("tests/deploy/test_alerts_story.py", "tests/deploy/test_boards.py", "tests/deploy/test_troubles.py"),
    "netns": tuple(f"tests/lab/netns/test_{name}.py" for name in _OF_ONE_LAB),
}
"""Files whose tests one process has: they share what takes longest to set up."""


class ByFile(LoadFileScheduling):
    """Gives a process a whole file, or all of those that stay together."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((name for name, files in TOGETHER.items() if file.startswith(files)), file)
