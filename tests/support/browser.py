"""Debian's Chromium, driven by Playwright: one for a module of tests, because starting it costs a second of CPU."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, Page, async_playwright

from support.programs import require

AXE = """async (rules) => {
    const only = rules.length ? { runOnly: { type: "rule", values: rules } } : {};
    const { violations } = await axe.run(document, { resultTypes: ["violations"], ...only });
    return violations.map((one) => [one.id, one.help, ...one.nodes.map((node) => node.target.join(" "))]);
}"""


@dataclass(slots=True, kw_only=True)
class Window:
    """A page that is open, and what happened on it. `asked`: addresses it asked for; `complaints`: of its console."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def violations(self, *rules: str) -> list[list[str]]:
        """What axe-core finds wrong: each rule that is broken, with its meaning and where. Without `rules`, of all."""
        await self.page.evaluate(AXE_SCRIPT)
        found: list[list[str]] = await self.page.evaluate(AXE, list(rules))
        return found


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Headless. The test is skipped where there is none."""
    path = require("chromium", "chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def window(browser: Browser, **options: object) -> AsyncIterator[Window]:
    """A window with a profile of its own. `options`: of Playwright's `new_context`."""
    context = await browser.new_context(**options)  # type: ignore[arg-type] # whatever the test says
    opened = Window(page=await context.new_page())
    opened.page.on("request", lambda request: opened.asked.append(request.url))
    opened.page.on("console", lambda message: opened.complaints.append(message.text))
    opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    try:
        yield opened
    finally:
        await context.close()


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    """The address of an application, without a slash at its end."""
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")
