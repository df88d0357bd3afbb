import { dropDrafts } from "./draft";
import "./app.css";
import "./sheet.css";
import { Away, get, post, Refused } from "./server";
import { register, signIn, token } from "./door";
import { follow, type Line } from "./live";
import * as home from "./home";
import * as page from "./container";
import * as night from "./incident";
import type { Home, Night, Page } from "./model";
import { make, view } from "./dom";
import { closeSheet } from "./sheet";

document.getElementById("late")?.remove();

let leave: (() => void) | undefined; // ends what the page that is shown has begun
let entered = false; // somebody is signed in, as far as it is known
let here = new AbortController(); // of the page that is shown
let known: { home: Home; seen: string } | undefined; // what Home showed last, to be there at once

const ends: Record<string, string> = {
  session_over: "Your session is over. Sign in again.",
  replaced: "The console is open in too many places. This one has stopped.",
};

// inside is what is shown to whoever is signed in: Home, or the container that the address names.
function inside(): void {
  leave?.();
  entered = true;
  const [, key, tab] = /^#\/c\/([^/]+)(?:\/(changes|snapshots))?$/.exec(location.hash) ?? [];
  const read = /^#\/i\/(\d+)\/post-mortem$/.exec(location.hash)?.[1];
  const [, from, recording] = /^#\/([ic]\/[^/]+)\/recording\/([\w-]+)$/.exec(location.hash) ?? [];
  const id = /^#\/i\/(\d+)$/.exec(location.hash)?.[1];
  if (key) container(decoded(key), tab === "snapshots" ? "snapshots" : "changes");
  else if (read) reading(Number(read));
  else if (from && recording) playing(recording, `#/${from}`);
  else if (id) incident(Number(id));
  else everything();
  scrollTo(0, 0);
}

// decoded leaves as it is what is not well written: nothing has that name.
function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

// fresh is what every page begins with. gone says when it was left: what comes later is nobody's.
function fresh(): { line: Line; gone: AbortSignal } {
  here = new AbortController();
  return { line: { up: false, since: Date.now() }, gone: here.signal };
}

function everything(): void {
  const state: home.State = { ...fresh(), seen: "", query: "", problem: "", asked: "" };
  if (known) Object.assign(state, known);
  home.open(state, signOut);
  stay("", state, () => home.draw(state), (v) => { state.home = v as Home; known = { home: state.home, seen: state.seen }; });
}

function container(key: string, tab: page.PageState["tab"]): void {
  const state: page.PageState = { key, ...fresh(), seen: "", tab, problem: "", asked: "" };
  page.open(state);
  stay(`?container=${encodeURIComponent(key)}`, state, () => page.draw(state), (v) => { state.page = v as Page; delete state.unsure; });
}

function incident(id: number): void {
  const state: night.NightState = { id, ...fresh(), seen: "", problem: "", asked: "" };
  night.open(state);
  stay(`?incident=${id}`, state, () => night.draw(state), (v) => { state.night = v as Night; delete state.unsure; });
}

// reading shows a post-mortem, which stands still.
function reading(id: number): void {
  night.read(id);
  leave = () => { leave = undefined; };
}

// playing shows what a shell has shown, with the way back to the incident or the container that led there.
function playing(recording: string, from: string): void {
  void night.play(recording, { href: from, text: from.startsWith("#/i/") ? "‹ Incident" : "‹ Container" }, fresh().gone);
  leave = () => { leave = undefined; here.abort(); };
}

// stay keeps what is shown as the server has it, until somebody goes elsewhere.
function stay(what: string, state: { line: Line; seen: string; trouble?: string }, draw: () => void, take: (view: unknown) => void): void {
  const tick = setInterval(draw, 1000);
  const stop = follow(what, {
    view: (v, at) => { state.seen = at; delete state.trouble; take(v); draw(); },
    alive: (at) => { state.seen = at; delete state.trouble; draw(); },
    line: (l) => { state.line = l; draw(); },
    trouble: (says) => { state.trouble = says; draw(); },
    over: (code) => {
      if (code === "unseen") gone();
      else outside(ends[code] ?? ends["session_over"] ?? "");
    },
  });
  leave = () => { clearInterval(tick); stop(); here.abort(); closeSheet(); leave = undefined; };
}

function gone(): void {
  leave?.();
  view("Nothing here", make("header", { class: "top" }, make("a", { class: "back", href: "#/" }, "‹ Home")),
    make("p", { class: "empty" }, "There is nothing here, or it is not yours to see: join the Slack channel of its alerts, or ask who keeps its labels."));
}

function outside(why = ""): void {
  leave?.();
  entered = false;
  known = undefined;
  document.body.classList.remove("old");
  signIn(why, inside);
}

// signOut throws why it could not be done.
async function signOut(): Promise<void> {
  try {
    await post("/console/signout");
    dropDrafts();
    outside("You are signed out.");
  } catch (err) {
    if (err instanceof Away) throw new Error("No answer from the bot: you may still be signed in. Try again once you are online.");
    if (!(err instanceof Refused) || (err.code !== "signed_out" && err.code !== "session_over")) throw err;
    outside();
  }
}

async function start(): Promise<void> {
  const link = token();
  if (link) {
    register(link, inside);
    return;
  }
  view("", make("p", { class: "lonely" }, "…"));
  try {
    await get("/console/session");
    inside();
  } catch (err) {
    if (err instanceof Refused && (err.code === "signed_out" || err.code === "session_over")) outside(err.code === "session_over" ? ends["session_over"] : "");
    else inside(); // it tries again by itself
  }
}

addEventListener("hashchange", () => {
  const link = token();
  if (link) { leave?.(); register(link, inside); }
  else if (entered) inside();
});
void start();
