"use strict";
(() => {
  const EVERY_MS = 10000, ALONE_MS = 2000, AT_MOST_MS = 30000, PATIENCE_MS = 10000;
  const { root, old } = document.body.dataset;
  const link = document.getElementById("link");
  const zone = "Asia/Karachi";
  const locale = document.documentElement.lang === "ur" ? "ur-PK-u-nu-latn" : "en-GB";
  const day = new Intl.DateTimeFormat(locale, { timeZone: zone, day: "numeric", month: locale === "en-GB" ? "short" : "long", year: "numeric" });
  const hour = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  let tag = document.body.dataset.tag && `W/"${document.body.dataset.tag}"`;
  let alone = ALONE_MS, timer = setTimeout(turn, ALONE_MS), busy = false, again = false;

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

  // Looks every now and then, at once when told, and often where nobody tells: a proxy may hold the stream back.
  async function turn() {
    clearTimeout(timer);
    if (busy) { again = true; return; }
    busy = true;
    try {
      if (!document.hidden) await refresh();
      alone = Math.min(alone, ALONE_MS);
      fresh(true);
    } catch {
      alone = Math.min(2 * (alone || ALONE_MS), AT_MOST_MS);
      fresh(false);
    }
    busy = false;
    timer = setTimeout(turn, again ? 0 : alone || EVERY_MS);
    again = false;
  }
  const stream = new EventSource(`${root}/api/v1/events/stream`);
  stream.onopen = () => { alone = 0; turn(); };
  stream.onerror = () => { alone = alone || ALONE_MS; turn(); };
  stream.addEventListener("change", turn);
  document.addEventListener("visibilitychange", turn);
})();
