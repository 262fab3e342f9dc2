"use strict";
(() => {
  const EVERY_MS = 2000, AT_MOST_MS = 30000, PATIENCE_MS = 10000;
  const { old } = document.body.dataset;
  const link = document.getElementById("link");
  const zone = "Asia/Karachi";
  const locale = document.documentElement.lang === "ur" ? "ur-PK-u-nu-latn" : "en-GB";
  const day = new Intl.DateTimeFormat(locale, { timeZone: zone, day: "numeric", month: locale === "en-GB" ? "short" : "long", year: "numeric" });
  const hour = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  let tag = document.body.dataset.tag && `W/"${document.body.dataset.tag}"`;
  let pause = EVERY_MS;

  const states = (within) =>
    new Map([...within.querySelectorAll("[data-cell]")].map((cell) => [cell.dataset.cell, cell.dataset.state]));

  function show(text) {
    const holder = document.createElement("template");
    holder.innerHTML = text; // escaped by the server; the policy runs nothing in it
    const next = holder.content.querySelector("main"), main = document.querySelector("main");
    const before = states(main), scrolled = main.querySelector(".scroll")?.scrollLeft ?? 0;
    const focused = main.contains(document.activeElement) && document.activeElement.getAttribute("href");
    const open = new Set([...main.querySelectorAll("details")].map((one, at) => (one.open ? at : -1)));
    for (const cell of next.querySelectorAll("[data-cell]")) {
      const was = before.get(cell.dataset.cell);
      cell.classList.toggle("changed", was !== undefined && was !== cell.dataset.state);
    }
    next.querySelectorAll("details").forEach((one, at) => { one.open = open.has(at); });
    main.replaceWith(next);
    document.title = `${next.dataset.title} · Rabta`;
    const table = next.querySelector(".scroll");
    if (table) table.scrollLeft = scrolled;
    if (focused) [...next.querySelectorAll("a")].find((one) => one.getAttribute("href") === focused)?.focus({ preventScroll: true });
  }

  function tell(decided) {
    const time = document.getElementById("decided");
    if (!decided || !time) return;
    const at = new Date(decided);
    time.dateTime = decided;
    time.textContent = `${day.format(at).replace("،", "")} ${hour.format(at)}`;
  }

  function fresh(is) {
    link.textContent = is ? "" : `· ${old}`;
    document.body.classList.toggle("stale", !is);
  }

  async function refresh() {
    const address = new URL(location.href);
    address.searchParams.set("part", "main");
    const answer = await fetch(address, {
      cache: "no-store",
      headers: tag ? { "If-None-Match": tag } : {},
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (answer.status === 200) {
      const text = await answer.text();
      if (!document.getElementById("decided")) return location.reload(); // this was the waiting page
      if (getSelection().isCollapsed) { // else someone is copying from the page
        show(text);
        tag = answer.headers.get("ETag");
      }
    } else if (answer.status !== 304) {
      throw new Error(`status ${answer.status}`);
    }
    tell(answer.headers.get("Rabta-Decided-At"));
  }

  async function turn() {
    try {
      if (!document.hidden) await refresh();
      pause = EVERY_MS;
      fresh(true);
    } catch {
      pause = Math.min(2 * pause, AT_MOST_MS);
      fresh(false);
    }
    setTimeout(turn, pause);
  }
  setTimeout(turn, EVERY_MS);
})();
