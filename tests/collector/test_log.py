"""Logs go to standard error, as JSON where no person looks."""

import json

import pytest
import structlog

from rabta_collector import log


def test_a_log_line_is_json_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("info")
    structlog.get_logger().info("a.b", number=1)
    structlog.get_logger().debug("not.shown")
    output = capsys.readouterr()
    assert "" == output.out
    line = json.loads(output.err)
    assert ("a.b", 1, "info") == (line["event"], line["number"], line["level"])
