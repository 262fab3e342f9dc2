"""Debian's Alertmanager reads a Telegram token from its configuration alone: what the README types puts it there."""

import re
import subprocess
from pathlib import Path

import aiohttp
import pytest
import yaml
from aiohttp import web

from lab.monitoring import ALERTMANAGER
from lab.programs import Program, environment
from lab.system import free_port
from lab.waiting import until
from support.programs import require

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "987654321:AAH-x_Y0lKabcdefghijklmnopqrstuvwxy"
IN_TIME_S = 60.0


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """/etc/prometheus after the README's lines about templates and the token, with a file for each secret."""
    folder = tmp_path / "prometheus"
    (folder / "secrets").mkdir(parents=True)
    for name in ("smtp_password", "slack_url", "webhook_token"):
        (folder / "secrets" / name).write_text("http://127.0.0.1:9/")
    (folder / "secrets" / "telegram_token").write_text(TOKEN + "\n")
    text = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    typed = re.findall(r"^cp -r deploy/alertmanager/.*$|^sed (?:.*\\\n)*.*$", text, re.MULTILINE)
    assert len(typed) == 2
    script = "\n".join(typed).replace("/etc/prometheus", str(folder)).replace(" -g prometheus", "")
    done = subprocess.run(["bash", "-euc", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    return folder


def test_the_configuration_that_the_readme_makes_is_whole_and_for_its_owner(etc: Path) -> None:
    amtool = require("amtool", "prometheus-alertmanager")
    config = etc / "alertmanager.yml"
    done = subprocess.run([amtool, "check-config", str(config)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout
    text = config.read_text(encoding="utf-8")
    assert f'bot_token: "{TOKEN}"' in text
    assert not re.search(r"@\w+@", text)
    assert 0o640 == config.stat().st_mode & 0o777


async def test_telegram_is_asked_with_the_token_of_the_file(etc: Path) -> None:
    require(ALERTMANAGER, "prometheus-alertmanager")
    asked: list[str] = []

    async def take(request: web.Request) -> web.Response:
        asked.append(f"{request.path} {await request.text()}")
        return web.json_response({"ok": True, "result": {"message_id": 1, "date": 1, "chat": {"id": 1}}})

    application = web.Application()
    application.router.add_post("/{path:.*}", take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    program = alertmanager(etc, f"http://127.0.0.1:{runner.addresses[0][1]}", port := free_port())
    try:
        await program.start()
        await until(lambda: blocked(f"http://127.0.0.1:{port}/api/v2/alerts"), within=IN_TIME_S)

        async def told() -> bool:
            return bool(asked)

        await until(told, within=IN_TIME_S)
    finally:
        await program.stop()
        await runner.cleanup()
    assert asked[0].startswith(f"/bot{TOKEN}/sendMessage ")
    assert "X (Twitter) is blocked at PTCL." in asked[0]


def alertmanager(etc: Path, telegram: str, port: int) -> Program:
    """Alertmanager with Telegram elsewhere, the receivers without the others, and no wait for more alerts."""
    file = etc / "alertmanager.yml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    (team,) = (one for one in config["receivers"] if one["name"] == "team")
    config["receivers"] = [{"name": one["name"]} for one in config["receivers"] if one is not team]
    config["receivers"].append({"name": "team", "telegram_configs": team["telegram_configs"]})
    config["receivers"][-1]["telegram_configs"][0]["api_url"] = telegram
    config["route"]["group_wait"] = "0s"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    flags = ("--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{port}", f"--storage.path={etc / 'data'}")
    return Program([ALERTMANAGER, f"--config.file={file}", *flags], environment(), etc / "log")


async def blocked(url: str) -> bool:
    """Tells Alertmanager of a block; whether it has taken it."""
    labels = {
        "alertname": "RabtaPlatformBlocked",
        "severity": "warning",
        "platform": "x",
        "isp": "ptcl",
        "kind": "fixed",
    }
    alert = {"labels": labels, "annotations": {"summary": "X (Twitter) is blocked at PTCL."}}
    try:
        async with aiohttp.ClientSession() as session, session.post(url, json=[alert]) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
