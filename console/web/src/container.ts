import { action, entitle, make, redraw, view } from "./dom";
import type { Offer, Page, Restore } from "./model";
import type { Line } from "./live";
import { errors, lookedAt, says, stateWord, tag, together, undone, warning } from "./home";
import { askToRestore, bigOne, wouldChange } from "./restore";
import { Away, post, Refused } from "./server";
import { openTerminal, type View } from "./seat";
import { contact, sheet } from "./sheet";
import { walk } from "./tabs";
import { ago, clock } from "./time";

export type PageState = { key: string; page?: Page; line: Line; seen: string; trouble?: string; tab: "changes" | "snapshots"; problem: string; unsure?: string; asked: string; gone: AbortSignal; opening?: View; unfolded?: boolean };

let parts: Record<"banner" | "head" | "restore" | "way" | "tabs" | "body" | "looked", HTMLElement>;
let drawn = "", drawnHead = "";
let seconds: HTMLElement | undefined; // that a restore has run for

// open draws what stays; what changes is put into it.
export function open(state: PageState): void {
  const part = (cls: string, attributes = {}) => make("div", { class: cls, ...attributes });
  parts = {
    banner: make("p", { class: "banner", role: "status", hidden: true }), head: part("head"), restore: part("progress", { role: "status" }), way: part("way"),
    tabs: part("tabs", { role: "tablist", "aria-label": "Views" }), body: part("lists", { role: "tabpanel" }), looked: make("p", { class: "looked" }),
  };
  drawn = drawnHead = "";
  walk(parts.tabs);
  view("Container", make("header", { class: "top" }, make("a", { class: "back", href: "#/" }, "‹ Home")),
    parts.banner, parts.head, parts.restore, parts.way, parts.tabs, parts.body, parts.looked);
  draw(state);
}

export function draw(state: PageState): void {
  if (state.gone.aborted) return; // an answer came after its page was left
  const now = Date.now(), p = state.page;
  says(parts.banner, together(state, warning(state.line, Boolean(p), state.trouble ?? p?.trouble, now)));
  contact(state.line.up, Boolean(p));
  if (!p) {
    if (!drawn) parts.head.replaceChildren(make("p", { class: "headline" }, "Looking…"));
    drawn = "-";
    return;
  }
  entitle(p.container.name);
  parts.looked.textContent = lookedAt(state.seen, now);
  if (seconds && p.restore) says(seconds, ago(p.restore.at, now));
  // What is under a thumb is drawn anew only when it has changed, or a minute has passed. The figures change all the time.
  const minute = Math.floor(now / 60000), top = JSON.stringify([p.container, p.deploys[0], minute]);
  if (top !== drawnHead) parts.head.replaceChildren(...head(p, now));
  drawnHead = top;
  const what = JSON.stringify([{ ...p, container: { ...p.container, errors: null } }, state.line.up, state.tab, state.asked, state.opening, minute]);
  if (what === drawn) return;
  drawn = what;
  redraw(parts.restore, ...progress(state, p, now));
  redraw(parts.way, ...wayOut(state, p));
  redraw(parts.tabs, elsewhere(state, "logs", "Logs"), elsewhere(state, "shell", "Shell"), tab(state, "changes", "Changes"), tab(state, "snapshots", "Snapshots"), elsewhere(state, "errors", "Errors"));
  redraw(parts.body, ...(state.tab === "changes" ? [...shells(state, p, now), ...changes(p, now)] : snapshots(state, p, now)));
}

function head(p: Page, now: number): Node[] {
  const c = p.container, word = stateWord(c), last = p.deploys[0];
  return [
    make("h1", { class: "name" }, c.name),
    make("div", { class: "line second" }, make("span", { class: `word ${word.mood}` }, make("span", { class: `shape ${word.mood}`, "aria-hidden": "true" }), ` ${word.text}`), c.errors ? errors(c.errors) : null),
    make("p", { class: "deploy", title: c.image }, tag(c.image)),
    make("p", { class: "last" }, last ? `Last deploy ${clock(last.at, now)}, ${ago(last.at, now)} ago: ${last.changes.slice(0, 3).join(" · ") || "nothing changed"}${last.changes.length > 3 ? ` · ${last.changes.length - 3} more` : ""}${undone(c)}` : "No deploy has been seen yet."),
  ];
}

// progress tells of a restore that runs, and how the last one ended, with its undo.
function progress(state: PageState, p: Page, now: number): Node[] {
  const r = p.restore;
  seconds = undefined;
  if (!r) return state.asked ? [make("p", { class: "notice" }, state.asked)] : [];
  if (!r.over) {
    seconds = make("span", { "aria-hidden": "true" }, ago(r.at, now)); // or it would be read out each second
    return [make("p", { class: "notice" }, `${r.says}… `, seconds)];
  }
  const all = [r, ...(p.stands ? [p.stands] : [])];
  const acted = all.find((one) => one.state !== "refused"); // the last that did anything
  return all.flatMap((one) => ended(state, p, one, one === acted && !p.refused, now));
}

function ended(state: PageState, p: Page, r: Restore, logs: boolean, now: number): Node[] {
  const by = r.by ? ` By ${r.by}, ${clock(r.at, now)}.` : "";
  const told = make("p", { class: `notice ${r.good ? "good" : "bad"}` }, `${r.says}.${by}`);
  if (!r.undoable && !logs) return [told];
  return [told, make("div", { class: "pair" },
    r.undoable && act(state, p, "Undo", "plain wide", () => confirmUndo(state, p, r)),
    logs && logsSince(state, r))];
}

// logsSince leads to what a restore has left: its logs, from the restore on.
function logsSince(state: PageState, r: Restore): HTMLElement {
  return action({ class: "plain wide" }, !state.line.up, () => leave(state, "logs", r.id), `Logs since the ${r.undo ? "undo" : "restore"}`, state.line.up ? "" : " (offline)");
}

function wayOut(state: PageState, p: Page): Node[] {
  if (!p.snapshots) return [];
  const o = bigOne(p);
  if (p.restore && !p.restore.over) return [];
  if (p.refused) return [make("p", { class: "fine" }, p.refused)];
  if (!o) return p.snapshots.length === 0 ? [make("p", { class: "fine" }, "No snapshot is kept yet, so there is nothing to go back to.")] : [];
  return [act(state, p, `Restore ${o.name}`, "primary danger", () => confirm(state, p, o)), make("p", { class: "fine" }, wouldChange(p, o))];
}

// act is a button that waits for a network, and says why it does.
function act(state: PageState, p: Page, label: string, cls: string, run: () => void): HTMLElement {
  const busy = Boolean(state.asked) || Boolean(p.restore && !p.restore.over);
  return action({ class: cls }, !state.line.up || busy, run, label, state.line.up ? "" : " (offline)");
}

function tab(state: PageState, name: PageState["tab"], label: string): HTMLElement {
  return make("button", { type: "button", role: "tab", "aria-selected": String(state.tab === name && !state.opening), click: () => { state.tab = name; draw(state); } }, label);
}

// elsewhere is a tab of the terminal's page.
function elsewhere(state: PageState, view: View, label: string): HTMLElement {
  return action({ role: "tab", "aria-selected": String(state.opening === view) }, !state.line.up, () => leave(state, view), label);
}

// leave goes to the terminal's page. Its tab answers the tap at once, while the session is opened.
function leave(state: PageState, view: View, restore?: number): void {
  if (state.opening) return;
  state.opening = view;
  state.problem = "";
  draw(state);
  openTerminal(state.key, view, restore).catch((err: unknown) => {
    state.problem = err instanceof Refused || err instanceof Away ? err.message : String(err);
  }).finally(() => { delete state.opening; draw(state); });
}

// shells were recorded. They are folded away above what changed, which is what one comes for.
function shells(state: PageState, p: Page, now: number): Node[] {
  const [last] = p.shells ?? [];
  if (!p.shells || !last) return [];
  const unfolds = (e: Event): void => { state.unfolded = (e.currentTarget as HTMLDetailsElement).open; };
  return [make("details", { class: "shells", open: state.unfolded, toggle: unfolds },
    make("summary", {}, `Last shell ${clock(last.at, now)}, by ${last.by}`),
    make("ul", { class: "list" }, ...p.shells.map((s) => make("li", {},
      make("p", { class: "when" }, make("strong", {}, s.by), ` · ${clock(s.at, now)}, ${s.ended ? `for ${ago(s.at, Date.parse(s.ended))}` : "still open"}`),
      make("a", { class: "back", href: `#/c/${encodeURIComponent(state.key)}/recording/${encodeURIComponent(s.recording)}` }, "Play what it has shown")))))];
}

function changes(p: Page, now: number): Node[] {
  if (p.deploys.length === 0) return [make("p", { class: "empty" }, "No deploy has been seen yet.")];
  return [make("ul", { class: "list" }, ...p.deploys.map((d) => make("li", {},
    make("p", { class: "when" }, `${clock(d.at, now)} · ${ago(d.at, now)} ago`),
    make("ul", { class: "changes" }, ...(d.changes.length > 0 ? d.changes : ["nothing changed"]).map((c) => make("li", {}, c))),
    d.together ? make("p", { class: "fine tight" }, `Together with ${d.together}`) : null,
    d.snapshot ? make("p", { class: "fine tight" }, `The state from before is kept: ${d.snapshot}`) : null)))];
}

function snapshots(state: PageState, p: Page, now: number): Node[] {
  if (!p.snapshots) return [make("p", { class: "empty" }, "What is kept is shown as soon as the engine answers.")];
  if (p.snapshots.length === 0) return [make("p", { class: "empty" }, "No snapshot is kept yet.")];
  return [make("ul", { class: "list" }, ...p.snapshots.map((o) => make("li", { class: o.why_not ? "off" : "" },
    make("p", { class: "when" }, make("strong", {}, o.name), ` · ${clock(o.at, now)}`),
    o.note ? make("p", { class: "deploy" }, o.note) : null,
    o.doubt && !o.why_not ? make("p", { class: "deploy unsure" }, o.doubt) : null,
    make("p", { class: "deploy" }, o.why_not ?? wouldChange(p, o)),
    o.why_not || p.refused ? null : act(state, p, `Restore ${o.name}…`, "plain wide", () => confirm(state, p, o)))))];
}

function confirm(state: PageState, p: Page, o: Offer): void {
  askToRestore(state.key, p, o, (seen) => ask(state, `Asking to restore ${o.name}…`, "/console/restore", { key: state.key, snapshot: o.name, seen }));
}

function confirmUndo(state: PageState, p: Page, r: Restore): void {
  sheet({
    title: `Undo the restore of ${p.container.name}?`,
    lines: ["What ran before it runs again, with whatever was wrong with it.", "It is down for a moment."],
    act: "Undo the restore",
    run: () => ask(state, "Asking to undo…", "/console/undo", { key: state.key, restore: r.id }),
  });
}

// ask answers a tap at once, and acts once whatever the network does.
function ask(state: PageState, asked: string, path: string, body: object): void {
  if (state.asked) return;
  state.asked = asked;
  state.problem = "";
  delete state.unsure;
  draw(state);
  post<Restore>(path, { ...body, tap: crypto.randomUUID() }).then((r) => {
    if (r && state.page) state.page.restore = r;
  }).catch((err: unknown) => {
    if (err instanceof Away) state.unsure = "No answer: it is not known whether that was done. What runs is shown as soon as the bot answers.";
    else state.problem = err instanceof Refused ? err.message : String(err);
  }).finally(() => { state.asked = ""; draw(state); });
}
