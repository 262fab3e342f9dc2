"use strict";
(() => {
  const EVERY_MS = 2000, AT_MOST_MS = 30000, PATIENCE_MS = 10000;
  const link = document.getElementById("link");
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Karachi", dateStyle: "medium", timeStyle: "medium" });
  let tag = null, pause = EVERY_MS;

  const states = (root) =>
    new Map([...root.querySelectorAll("[data-cell]")].map((cell) => [cell.dataset.cell, cell.dataset.state]));

  function show(text) {
    const holder = document.createElement("template");
    holder.innerHTML = text; // escaped by the server; the policy runs nothing in it
    const next = holder.content.querySelector("main"), main = document.querySelector("main");
    const before = states(main), scrolled = main.querySelector(".scroll")?.scrollLeft ?? 0;
    for (const cell of next.querySelectorAll("[data-cell]")) {
      const was = before.get(cell.dataset.cell);
      cell.classList.toggle("changed", was !== undefined && was !== cell.dataset.state);
    }
    main.replaceWith(next);
    const table = next.querySelector(".scroll");
    if (table) table.scrollLeft = scrolled;
  }

  function tell(decided) {
    const time = document.getElementById("decided");
    if (!decided || !time) return;
    time.dateTime = decided;
    time.textContent = clock.format(new Date(decided)).replace(",", "");
  }

  async function refresh() {
    const answer = await fetch("?part=main", {
      cache: "no-store",
      headers: tag ? { "If-None-Match": tag } : {},
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (answer.status === 200) {
      const text = await answer.text();
      if (!getSelection().isCollapsed) return; // someone is copying from the page
      if (!document.getElementById("decided")) return location.reload(); // this was the waiting page
      show(text);
      tag = answer.headers.get("ETag");
    } else if (answer.status !== 304) {
      throw new Error(`status ${answer.status}`);
    }
    tell(answer.headers.get("Rabta-Decided-At"));
  }

  async function turn() {
    try {
      if (!document.hidden) await refresh();
      pause = EVERY_MS;
      link.textContent = "";
      document.body.classList.remove("stale");
    } catch {
      pause = Math.min(2 * pause, AT_MOST_MS);
      link.textContent = "· no answer, this is old; trying again";
      document.body.classList.add("stale");
    }
    setTimeout(turn, pause);
  }
  setTimeout(turn, EVERY_MS);
})();
