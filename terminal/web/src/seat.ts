import "./seat.css";
import "../../../console/web/src/sheet.css";

import { openTerminal, pageOf } from "../../../console/web/src/seat";
import { el, recall } from "./dom";
import type { Session } from "./protocol";

function link(cls: string, text: string, href: string, label = text): HTMLAnchorElement {
  const a = document.createElement("a");
  a.className = cls;
  a.textContent = text;
  a.href = href;
  a.setAttribute("aria-label", label);
  a.addEventListener("click", (e) => {
    e.preventDefault();
    location.replace(a.href); // tabs are no steps to go back by
  });
  return a;
}

// dress makes the page a part of the console: a way back, and the container's other tabs where they are there.
export function dress(session: Session): void {
  const key = session.key ?? "";
  document.body.classList.add("seated");
  el("main").querySelector("header")?.prepend(link("back", "‹", pageOf(key), `Back to ${session.container} in the console`));
  const changes = link("tab", "Changes", pageOf(key)), snapshots = link("tab", "Snapshots", pageOf(key, "snapshots"));
  for (const tab of [changes, snapshots]) {
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-selected", "false");
  }
  el("tab-logs").after(el("tab-shell"), changes, snapshots, el("tab-errors"));
  const sizes = el("smaller").parentElement;
  if (sizes) el("end").after(sizes);
  if (session.mode !== "shell") el("shell-text").textContent = whyNoShell(session);
}

function whyNoShell(session: Session): string {
  if (recall("session", "snapback.unsure") === session.id)
    return `Slack or PagerDuty could not be asked whether you may start a shell in ${session.container}. Tap ‹ and open it again in a minute.`;
  return `You may not start a shell in ${session.container}. Its label snapback.terminal.allow says who may.`;
}

// afterwards is what can be done when the session is over: open it again with one tap, or go back.
export function afterwards(session: Session): void {
  const key = session.key ?? "", again = document.createElement("button"), said = document.createElement("p");
  again.type = "button";
  again.className = "primary";
  again.textContent = "Open it again";
  said.className = "problem";
  said.hidden = true;
  again.addEventListener("click", () => {
    again.disabled = true;
    openTerminal(key, "logs").catch((err: unknown) => {
      said.textContent = err instanceof Error ? err.message : String(err);
      said.hidden = false;
      again.disabled = false;
    });
  });
  el("over-text").after(again, said, link("way", `‹ ${session.container} in the console`, pageOf(key)));
}
