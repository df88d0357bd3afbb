import "./app.css";
import { get, post, Refused } from "./server";
import { register, signIn, token } from "./door";
import { follow } from "./live";
import { draw, open, type State } from "./home";
import { make, view } from "./dom";

let leave: (() => void) | undefined;

const ends: Record<string, string> = {
  session_over: "Your session is over. Sign in again.",
  replaced: "The console is open in too many places. This one has stopped.",
};

// inside is what is shown to whoever is signed in.
function inside(): void {
  leave?.();
  const state: State = { line: { up: false, since: Date.now() }, query: "" };
  open(state, () => { void signOut(); });
  const tick = setInterval(() => draw(state), 1000);
  const stop = follow({
    home: (h) => { state.home = h; state.seen = h.at; delete state.trouble; draw(state); },
    alive: (at) => { state.seen = at; delete state.trouble; draw(state); },
    line: (l) => { state.line = l; draw(state); },
    trouble: (says) => { state.trouble = says; draw(state); },
    over: (code) => { outside(ends[code] ?? ends["session_over"] ?? ""); },
  });
  leave = () => { clearInterval(tick); stop(); leave = undefined; };
}

function outside(why = ""): void {
  leave?.();
  document.body.classList.remove("old");
  signIn(why, inside);
}

async function signOut(): Promise<void> {
  try {
    await post("/console/signout");
    outside("You are signed out.");
  } catch (err) {
    if (err instanceof Refused && (err.code === "signed_out" || err.code === "session_over")) outside();
    // Without an answer the session goes on, and so does the page.
  }
}

async function start(): Promise<void> {
  const link = token();
  if (link) {
    register(link, inside);
    return;
  }
  view(make("p", { class: "lonely" }, "…"));
  try {
    await get("/console/session");
    inside();
  } catch (err) {
    if (err instanceof Refused) outside(err.code === "session_over" ? ends["session_over"] : "");
    else inside(); // it tries again by itself
  }
}

addEventListener("hashchange", () => {
  const link = token();
  if (link) { leave?.(); register(link, inside); }
});
void start();
