import { action, entitle, make, redraw, view, wait } from "./dom";
import type { Night } from "./model";
import type { Line } from "./live";
import { draft, keepDraft } from "./draft";
import { lookedAt, says, together, warning } from "./home";
import { Away, get, post, Refused } from "./server";
import { proven } from "./prove";
import { contact, sheet } from "./sheet";
import { ago, clock } from "./time";

export type NightState = { id: number; night?: Night; line: Line; seen: string; trouble?: string; problem: string; unsure?: string; asked: string; gone: AbortSignal };

let parts: Record<"banner" | "head" | "acts" | "list" | "looked", HTMLElement>;
let field: HTMLTextAreaElement, send: HTMLElement, form: HTMLElement;
let drawn = "";

// open draws what stays: the note that somebody writes is in it.
export function open(state: NightState): void {
  parts = {
    banner: make("p", { class: "banner", role: "status", hidden: true }), head: make("div", { class: "head" }), acts: make("div", { class: "acts" }),
    list: make("ol", { class: "story" }), looked: make("p", { class: "looked" }),
  };
  field = make("textarea", { rows: 2, maxlength: 1000, placeholder: "Write a note", "aria-label": "A note for the timeline and PagerDuty", input: () => keepDraft(state.id, field.value) }) as HTMLTextAreaElement;
  field.value = draft(state.id);
  send = action({ class: "plain" }, false, () => note(state), "Add note");
  form = make("div", { class: "note-form", hidden: true }, field, send);
  drawn = "";
  view("Incident", make("header", { class: "top" }, make("a", { class: "back", href: "#/" }, "‹ Home")), parts.banner, parts.head, parts.acts, form, parts.list, postMortem(state.id), parts.looked);
  draw(state);
}

// forms are those of a post-mortem that can be saved.
const forms = { md: "Markdown", html: "HTML", json: "JSON", cdevents: "CDEvents", zip: "ZIP" };

// postMortem is on every incident's page: it can be read and saved while the incident is still open.
function postMortem(id: number): HTMLElement {
  return make("section", { class: "post-mortem" },
    make("h2", {}, "Post-mortem"),
    make("a", { class: "back", href: `#/i/${id}/post-mortem` }, "Read it here"),
    make("p", { class: "forms" }, ...Object.entries(forms).map(([form, name]) =>
      make("a", { href: `/console/export?incident=${id}&format=${form}`, download: "", "aria-label": `Save as ${name}` }, name))));
}

// read shows the post-mortem in a frame: nothing in it runs, and it can reach nothing of the page.
export function read(id: number): void {
  const making = make("p", { class: "empty", role: "status" }, "Making the post-mortem…");
  const frame = make("iframe", {
    class: "paper", title: "Post-mortem", sandbox: "allow-popups allow-popups-to-escape-sandbox", src: `/console/export?incident=${id}&read`, load: () => making.remove(),
  });
  view("Post-mortem", make("header", { class: "top" }, make("a", { class: "back", href: `#/i/${id}` }, "‹ Incident")), making, frame);
}

// play shows in a frame what a shell has shown: its player reaches nothing of the page. It is asked for as a shell is.
export async function play(recording: string, back: { href: string; text: string }, gone: AbortSignal): Promise<void> {
  const word = make("p", { class: "empty", role: "status" }, "Getting the recording…");
  view("What a shell has shown", make("header", { class: "top" }, make("a", { class: "back", href: back.href }, back.text)), word);
  const src = `/console/replay?recording=${encodeURIComponent(recording)}`;
  try {
    await proven("Watch what a shell has shown?", () => get<void>(`${src}&may`, gone));
    if (!gone.aborted) word.replaceWith(make("iframe", { class: "paper", title: "What a shell has shown", sandbox: "allow-scripts", src }));
  } catch (err) {
    word.textContent = err instanceof Error ? err.message : String(err);
  }
}

export function draw(state: NightState): void {
  if (state.gone.aborted) return; // an answer came after its page was left
  const now = Date.now(), n = state.night;
  says(parts.banner, together(state, warning(state.line, Boolean(n), state.trouble, now)));
  contact(state.line.up, Boolean(n));
  if (!n) {
    if (!drawn) parts.head.replaceChildren(make("p", { class: "headline" }, "Looking…"));
    drawn = "-";
    return;
  }
  entitle(n.incident.title);
  parts.looked.textContent = lookedAt(state.seen, now);
  wait(send, !state.line.up || state.asked !== "");
  form.hidden = Boolean(n.refused);
  const what = JSON.stringify([n, state.line.up, state.asked, Math.floor(now / 60000)]);
  if (what === drawn) return;
  drawn = what;
  redraw(parts.head, ...head(n, now));
  redraw(parts.acts, ...acts(state, n));
  redraw(parts.list, ...n.entries.map((e) => make("li", {},
    make("p", { class: "when" }, clock(e.at, now), e.who ? ` · ${e.who}` : ""), make("p", {}, e.says),
    e.recording ? make("a", { class: "back", href: `#/i/${state.id}/recording/${encodeURIComponent(e.recording)}` }, "Play what it has shown") : "")),
    ...(n.earlier ? [make("li", {}, make("a", { class: "back", href: `#/i/${state.id}/post-mortem` }, `${n.earlier} earlier entries, in the post-mortem`))] : []));
}

function head(n: Night, now: number): Node[] {
  const i = n.incident;
  const standing = i.status === "resolved" ? ["good", `Resolved${n.resolved_by ? ` by ${n.resolved_by}` : ""}${n.resolved_at ? `, ${clock(n.resolved_at, now)}` : ""}`]
    : i.status === "acknowledged" ? ["unsure", `${i.acknowledged_by || "Somebody"} has it`] : ["bad", "Nobody has it"];
  return [
    make("h1", { class: "name" }, i.title),
    make("p", { class: "facts" }, `${i.service} · since ${clock(i.opened_at, now)}, ${ago(i.opened_at, now)} · `, make("b", { class: standing[0] ?? "" }, standing[1] ?? "")),
    i.flat_at ? make("p", { class: "facts good" }, `Errors are flat since ${clock(i.flat_at, now)}`) : null,
    n.asked ? make("p", { class: "notice" }, `${n.asked}…`) : null,
    ...n.containers.map((c) => make("a", { class: "back", href: `#/c/${encodeURIComponent(c.key)}` }, `Changes and snapshots of ${c.name}`)),
    n.url?.startsWith("https://") ? make("a", { class: "back", href: n.url, target: "_blank", rel: "noopener noreferrer" }, "In PagerDuty ›") : null,
  ].filter((x): x is HTMLElement => x !== null);
}

function acts(state: NightState, n: Night): Node[] {
  if (n.refused) return [make("p", { class: "fine" }, n.refused)];
  const button = (label: string, cls: string, run: () => void) =>
    action({ class: cls }, !state.line.up || state.asked !== "" || Boolean(n.asked), run, label, state.line.up ? "" : " (offline)");
  const out: Node[] = [];
  if (n.incident.status === "triggered") out.push(button("Acknowledge", "primary", () => ask(state, "acknowledge", {})));
  if (n.incident.status !== "resolved") out.push(button("Resolve", "plain wide", () => sheet({
    title: "Resolve the incident?", lines: ["PagerDuty resolves it for everybody, as you.", "Terminal links of this incident end."], act: "Resolve", run: () => ask(state, "resolve", {}),
  })));
  return out;
}

function note(state: NightState): void {
  const text = field.value.trim();
  if (text === "") { field.focus(); return; }
  ask(state, "note", { text }, () => {
    keepDraft(state.id, "");
    if (!state.gone.aborted) field.value = "";
  });
}

// ask answers a tap at once. What was written stays in its field until it is there.
function ask(state: NightState, act: string, body: object, then: () => void = () => undefined): void {
  if (state.asked) return;
  state.asked = act;
  state.problem = "";
  delete state.unsure;
  draw(state);
  post(`/console/${act}`, { ...body, incident: state.id, tap: crypto.randomUUID() }).then(then).catch((err: unknown) => {
    if (err instanceof Away) state.unsure = "No answer: it is not known whether that was done. The timeline tells.";
    else state.problem = err instanceof Refused ? err.message : String(err);
  }).finally(() => { state.asked = ""; draw(state); });
}
