"""Logs go to standard error, as JSON where nobody watches, and only from the level on."""

import json

import pytest
import structlog

from rabta_agent import log


def test_lines_are_json_on_standard_error_from_the_level_on(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("warning")
    logger = structlog.get_logger()
    logger.info("quiet")
    logger.warning("loud", target="https://x.com/")
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    event = json.loads(line)
    assert ("", "loud", "warning", "https://x.com/") == (out, event["event"], event["level"], event["target"])
    assert event["timestamp"].endswith("Z")
