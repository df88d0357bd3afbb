import { action, make, redraw, svg, view, wait } from "./dom";
import type { Container, Home, Incident, Page, Resolved } from "./model";
import type { Line } from "./live";
import { askToRestore, wouldChange, Ways, type Way } from "./restore";
import { Away, post, Refused } from "./server";
import { contact } from "./sheet";
import { ago, clock, utc } from "./time";

export type State = { home?: Home; line: Line; seen: string; trouble?: string; query: string; problem: string; unsure?: string; asked: string; gone: AbortSignal };

let drawn = "";
let clocks: Array<(now: number) => void> = []; // of what is shown: they tell how long ago it was
let ways: Ways;
const inUTC = new Set<string>(); // times that were tapped
let headline: HTMLElement, looked: HTMLElement, banner: HTMLElement, body: HTMLElement, search: HTMLInputElement;

// open draws what stays: what changes is put into it, so that nothing is lost under a thumb or in a field.
export function open(state: State, signOut: () => Promise<void>): void {
  ways = new Ways(state.gone, () => draw(state));
  headline = make("p", { class: "headline", role: "status" });
  looked = make("p", { class: "looked" });
  banner = make("p", { class: "banner", role: "status", hidden: true });
  body = make("div", { class: "lists" });
  search = make("input", {
    type: "search", placeholder: "Search", "aria-label": "Search containers and incidents", autocomplete: "off", autocapitalize: "off", spellcheck: "false", enterkeyhint: "search",
  }) as HTMLInputElement;
  search.value = state.query;
  drawn = "";
  search.addEventListener("input", () => { state.query = search.value; draw(state); });
  view("", make("header", { class: "top" }, make("h1", {}, "Snapback"), search), banner, headline, looked, body, ...foot(signOut));
  draw(state);
}

// foot has the way out of the console, and says beside it why somebody is not out.
function foot(signOut: () => Promise<void>): HTMLElement[] {
  const said = make("p", { class: "problem", role: "alert", hidden: true });
  const out = action({ class: "plain" }, false, () => {
    wait(out, true);
    out.textContent = "Signing out…";
    says(said, "");
    signOut().catch((err: unknown) => says(said, err instanceof Error ? err.message : String(err))).finally(() => {
      wait(out, false);
      out.textContent = "Sign out";
    });
  }, "Sign out");
  return [make("footer", { class: "foot" }, make("span", { id: "who" }), out), said];
}

export function draw(state: State): void {
  if (state.gone.aborted) return;
  const now = Date.now(), home = state.home;
  says(banner, together({ ...state, problem: state.asked || state.problem }, warning(state.line, Boolean(home), state.trouble ?? home?.trouble, now)));
  contact(state.line.up, Boolean(home));
  if (!home) {
    headline.textContent = "Looking…";
    return;
  }
  const who = document.getElementById("who");
  if (who) who.textContent = home.name;
  says(headline, summary(home, now));
  looked.textContent = lookedAt(state.seen, now);
  for (const tell of clocks) tell(now);
  // What is under a thumb, or has the focus, is drawn anew only when it has changed.
  const out = new Map(home.incidents.map((i) => [i.id, ways.of(home, i.id)]));
  const what = JSON.stringify([home, state.query, state.asked, state.line.up, [...out.values()], Math.floor(now / 3600e3)]);
  if (what === drawn) return;
  drawn = what;
  clocks = [];
  lists(state, home, out, now);
}

// lists draws them. Whoever goes through them by keyboard stays where they are.
function lists(state: State, home: Home, out: Map<number, Way[]>, now: number): void {
  const found = (text: string) => text.toLowerCase().includes(state.query.trim().toLowerCase());
  const incidents = home.incidents.filter((i) => found(`${i.title} ${i.service} ${i.number}`));
  const containers = home.containers.filter((c) => found(`${c.name} ${c.service ?? ""} ${c.image}`));
  const resolved = (home.resolved ?? []).filter((i) => found(`${i.title} ${i.service} ${i.number}`));
  const red = incidents.find((i) => out.get(i.id)?.length); // a screen has one red button
  redraw(body,
    ...section("", incidents.map((i) => incident(i, [...restores(state, out.get(i.id) ?? [], i === red), ...others(Ways.left(home, i.id))], now))),
    ...watched(containers, now, state.query !== ""),
    ...section("Resolved lately", resolved.map((i) => over(i, now))),
    ...nothing(state, home, incidents.length + containers.length + resolved.length),
  );
}

export function says(at: HTMLElement, text: string): void {
  if (at.textContent !== text) at.textContent = text;
  at.hidden = text === "";
}

// warning is what keeps what is shown from being the whole truth, the worst first.
export function warning(line: Line, known: boolean, trouble: string | undefined, now: number): string {
  if (!line.up && known) return `Offline since ${clock(new Date(line.since).toISOString(), now)}. What is shown is from then. Trying again…`;
  if (!line.up && now - line.since > 3000) return "No answer from the bot. Trying again…";
  return trouble ?? "";
}

// together is what is said above all: what an act has come to, and that. What is not known of an act is known once there is news.
export function together(state: { problem: string; unsure?: string }, warning: string): string {
  return [state.problem || state.unsure, warning].filter(Boolean).join(" ");
}

// summary answers the screen's question: is anything wrong?
function summary(home: Home, now: number): string {
  const many = (n: number, what: string) => `${n} ${what}${n === 1 ? "" : "s"}`;
  if (home.incidents.length > 0) return `${many(home.incidents.length, "incident")} open.`;
  const down = home.containers.filter(broken);
  const wrong = [down.length > 0 ? `${many(down.length, "container")} not well.` : "", noise(home.containers)].filter(Boolean);
  if (wrong.length > 0) return ["No incident is open.", ...wrong].join(" ");
  if (home.trouble || home.containers.length === 0) return ""; // what could not be looked up may not be quiet
  const last = home.containers.find((c) => c.deploy)?.deploy;
  return `All quiet. ${many(home.containers.length, "container")}${last ? `, last deploy ${clock(last.at, now)}` : ""}.`;
}

// noise says which containers log errors, from one a minute on.
function noise(containers: Container[]): string {
  const loud = containers.flatMap((c) => (c.errors && c.errors.rate >= 1 ? [{ name: c.name, rate: c.errors.rate }] : [])).sort((a, b) => b.rate - a.rate);
  if (!loud[0]) return "";
  if (loud.length === 1) return `${loud[0].name} logs ${loud[0].rate} error${loud[0].rate === 1 ? "" : "s"} a minute.`;
  return `${loud.length} containers log errors, most of them ${loud[0].name}: ${loud[0].rate} a minute.`;
}

export function lookedAt(seen: string, now: number): string {
  return now - Date.parse(seen) < 15_000 ? "Looked just now" : `Looked ${ago(seen, now)} ago`;
}

function watched(containers: Container[], now: number, searching: boolean): Node[] {
  const [first, ...rest] = containers;
  if (searching || !first?.deploy) return section("Containers", containers.map((c) => row(c, now)));
  return [...section("Deployed last", [row(first, now)]), ...section("The rest", rest.map((c) => row(c, now)))];
}

function section(title: string, rows: HTMLElement[]): Node[] {
  if (rows.length === 0) return [];
  return [...(title ? [make("h2", {}, title)] : []), make("ul", { class: "list" }, ...rows)];
}

function nothing(state: State, home: Home, shown: number): Node[] {
  const out: Node[] = [];
  if (state.query !== "" && shown === 0) out.push(make("p", { class: "empty" }, `Nothing is called “${state.query}”.`));
  if (state.query === "" && home.containers.length === 0 && home.hidden === 0) {
    out.push(make("p", { class: "empty" }, "No container is watched yet. Label one with ", make("code", {}, "snapback.enable=true"), "."));
  }
  if (home.hidden > 0) out.push(make("p", { class: "fine" }, hidden(home)));
  return out;
}

function hidden(home: Home): string {
  const n = home.hidden === 1 ? "1 container is" : `${home.hidden} containers are`;
  const more = home.containers.length > 0 ? "more " : "";
  return `${n.replace(" container", ` ${more}container`)} not yours to see: you are not in the Slack channel of their alerts, and their labels don't name you. Join the channel, or ask who keeps the labels.`;
}

// restores are the ways out of an incident, each with what it would change.
function restores(state: State, out: Way[], red: boolean): HTMLElement[] {
  return out.flatMap(({ page, offer }, n) => {
    const name = `Restore ${out.length > 1 ? `${page.container.name} to ` : ""}${offer.name}`;
    const run = (): void => askToRestore(page.container.key, page, offer, (seen) => restore(state, page, offer.name, seen));
    const cls = red && n === 0 ? "primary danger" : "plain wide";
    return [action({ class: cls }, !state.line.up || state.asked !== "", run, name, state.line.up ? "" : " (offline)"),
      make("p", { class: "fine tight" }, wouldChange(page, offer))];
  });
}

function others(n: number): HTMLElement[] {
  return n > 0 ? [make("p", { class: "fine tight" }, `${n} more of its containers ${n === 1 ? "is" : "are"} in the list below.`)] : [];
}

// restore asks for it once, and leads to the container's page, which tells what comes of it.
function restore(state: State, page: Page, snapshot: string, seen: string): void {
  if (state.asked) return;
  Object.assign(state, { asked: `Asking to restore ${page.container.name} to ${snapshot}…`, problem: "" });
  delete state.unsure;
  draw(state);
  post("/console/restore", { key: page.container.key, snapshot, seen, tap: crypto.randomUUID() }).then(() => {
    if (!state.gone.aborted) location.hash = `#/c/${encodeURIComponent(page.container.key)}`;
  }, (err: unknown) => {
    if (err instanceof Away) state.unsure = `No answer: it is not known whether that was done. The page of ${page.container.name} tells.`;
    else state.problem = err instanceof Refused ? err.message : String(err);
  }).finally(() => { state.asked = ""; draw(state); });
}

function incident(i: Incident, out: HTMLElement[], now: number): HTMLElement {
  const who = i.status === "acknowledged" ? `${i.acknowledged_by || "Somebody"} has it` : "Nobody has it";
  return make("li", { class: `incident ${i.status}` },
    make("a", { class: "title", href: `#/i/${i.id}` }, i.title),
    make("p", { class: "facts" }, i.service, " · ", time(i.opened_at, now), " · ", make("b", { class: i.status === "triggered" ? "bad" : "unsure" }, who)),
    i.flat_at ? make("p", { class: "facts good" }, `Errors are flat since ${clock(i.flat_at, now)}`) : null, ...out);
}

// over is an incident that was resolved: the way to its post-mortem.
function over(i: Resolved, now: number): HTMLElement {
  return make("li", {}, make("a", { class: "row", href: `#/i/${i.id}` },
    make("strong", {}, i.title),
    make("p", { class: "deploy" }, `${i.service} · resolved ${clock(i.resolved_at, now)}${i.resolved_by ? ` by ${i.resolved_by}` : ""}`)));
}

// time says how long ago and at what time; a tap shows UTC.
function time(iso: string, now: number): HTMLElement {
  const t = make("button", { type: "button", class: "time", title: utc(iso) });
  const tell = (now: number): void => says(t, inUTC.has(iso) ? utc(iso) : `${ago(iso, now)}, since ${clock(iso, now)}`);
  t.addEventListener("click", () => {
    if (!inUTC.delete(iso)) inUTC.add(iso);
    tell(Date.now());
  });
  tell(now);
  clocks.push(tell);
  return t;
}

function row(c: Container, now: number): HTMLElement {
  const word = stateWord(c);
  return make("li", {}, make("a", { class: "row", href: `#/c/${encodeURIComponent(c.key)}` },
    make("div", { class: "line" },
      make("span", { class: `shape ${word.mood}`, "aria-hidden": "true" }),
      make("strong", {}, c.name),
      make("span", { class: `word ${word.mood}` }, word.text)),
    make("div", { class: "line second" },
      make("span", { class: "image", title: c.image }, tag(c.image)),
      c.errors ? errors(c.errors) : null),
    c.deploy ? make("p", { class: "deploy" }, `${clock(c.deploy.at, now)}: ${c.deploy.line}${undone(c)}`) : null));
}

// undone says that a restore has taken the last deploy back: what it changed is not what runs.
export function undone(c: Container): string {
  return c.deploy?.undone ? `. Undone: ${c.deploy.undone} was restored` : "";
}

// tag is what tells images apart: the end of the name.
export function tag(image: string): string {
  if (image.startsWith("sha256:")) return image.slice(7, 19);
  const at = image.indexOf("@");
  return (at > 0 ? image.slice(0, at) : image).split("/").pop() ?? image;
}

function broken(c: Container): boolean {
  return stateWord(c).mood === "bad";
}

export function stateWord(c: Container): { text: string; mood: "good" | "bad" | "unsure" } {
  const more = (c.tasks ? `, ${c.tasks}` : "") + (c.elsewhere ? ", at another bot" : "");
  if (c.state === "running") {
    if (c.health === "unhealthy") return { text: `unhealthy${more}`, mood: "bad" };
    if (c.health === "starting") return { text: `starting${more}`, mood: "unsure" };
    return { text: `${c.health === "healthy" ? "healthy" : "running"}${more}`, mood: "good" };
  }
  const bad = ["exited", "dead", "gone", "restarting"].includes(c.state);
  const state = c.tasks && c.state === "created" ? "starting" : c.state;
  return { text: `${state}${more}`, mood: bad ? "bad" : "unsure" };
}

export function errors(e: { rate: number; minutes: (number | null)[] }): HTMLElement {
  const many = e.rate > 0;
  return make("span", { class: "errors" }, sparkline(e.minutes), make("span", { class: many ? "rate bad" : "rate" }, `${e.rate} err/min`));
}

// sparkline is bars of half an hour; where nothing was counted is a gap.
function sparkline(minutes: (number | null)[]): SVGElement {
  const top = Math.max(1, ...minutes.map((m) => m ?? 0));
  const bars = minutes.map((m, i) => {
    if (m === null) return null;
    const h = Math.max(1, (m / top) * 16);
    return svg("rect", { x: i * 3, y: 16 - h, width: 2, height: h, class: m > 0 ? "bar" : "bar none" });
  });
  return svg("svg", { viewBox: "0 0 90 16", width: 90, height: 16, class: "spark", role: "img", "aria-label": "errors a minute in the last half hour" }, ...bars);
}
