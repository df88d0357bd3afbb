import "@xterm/xterm/css/xterm.css";
import "./app.css";
import "./compose.css";
import "./snippets.css";
import "./touch.css";
import "./together.css";
import "./narrow.css";
import { allowStyles } from "./nonce";
import { Refused, begin, redeem, unguessable } from "./connection";
import { clock, el, forget, recall, remember, show, showOver } from "./dom";
import { keepFocus } from "./focus";
import { Screen } from "./screen";
import { readClaims, type Claims, type Session } from "./protocol";
import { leftOf } from "./typing";
import { seatID } from "./address";
import { followViewport } from "./viewport";

document.getElementById("late")?.remove();
keepFocus();

// The token leaves the address bar before anything else happens: no history entry, no screenshot, no shared tab has it.
function takeToken(): string {
  const token = location.hash.slice(1);
  if (token) history.replaceState(null, "", location.pathname);
  return token;
}

function open(session: Session): void {
  remember("session", "snapback.session", session.id);
  show("main");
  new Screen(session);
}

// leadBack opens the session that this browser has opened with the same link, if it still lasts: the link has done its work, and
// whoever taps it again wants to be where it led.
async function leadBack(claims: Claims): Promise<boolean> {
  const [nonce, id] = (recall("local", "snapback.opened") ?? "").split(" ");
  if (!nonce || nonce !== claims.n) return false;
  try {
    const session = await begin();
    if (session.id === id) open(session);
    return session.id === id;
  } catch {
    return false; // the gate says why
  }
}

// offer shows what the link is for. Nothing is sent until the tap, so that nothing but a person uses it up.
function offer(token: string, claims: Claims): void {
  const expires = new Date(claims.e * 1000);
  el("gate-title").textContent = `Terminal for ${claims.d}`;
  el("gate-person").textContent = claims.p.name;
  el("gate-container").textContent = claims.d;
  el("gate-mode").textContent = claims.m === "shell" ? "Logs and a shell" : "Logs";
  el("gate-incident-row").hidden = !claims.i;
  el("gate-incident").textContent = claims.i ? `#${claims.i}` : "";
  el("gate-note").textContent =
    "The link works once, and is yours alone. " + (claims.m === "shell" ? "What a shell shows is recorded onto the timeline." : "That you opened it is noted on the timeline.");
  const button = el<HTMLButtonElement>("gate-open");
  const timer = setInterval(() => countdown(expires, timer), 1000);
  countdown(expires, timer);
  const nonce = nonceFor(claims);
  button.addEventListener("click", () => void tapped(token, claims, nonce, button, timer));
  show("gate");
}

function countdown(expires: Date, timer: number): void {
  const left = Math.ceil((expires.getTime() - Date.now()) / 1000);
  if (left > 0) {
    el("gate-expiry").textContent = `${clock(expires)} (${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")} left)`;
    return;
  }
  clearInterval(timer);
  el("gate-expiry").textContent = `${clock(expires)} (expired, by this device's clock)`; // the bot's is the one that counts
}

function refuse(button: HTMLButtonElement, text: string): void {
  button.disabled = true;
  button.textContent = "Can't be opened";
  el("gate-error").textContent = text;
  el("gate-error").hidden = false;
}

// nonceFor is made up once for a link, also where it is tapped again in another tab: by then the answer to the first tap may be lost.
function nonceFor(claims: Claims): string {
  const [link, made] = (recall("local", "snapback.opening") ?? "").split(" ");
  if (made && link === claims.n) return made;
  const nonce = unguessable();
  remember("local", "snapback.opening", `${claims.n} ${nonce}`);
  return nonce;
}

// passing are the refusals that may be another answer the next time: nothing was found out about the link, or its session waits for whoever
// used it. An answer that can't be read is a proxy's, while the bot starts anew or takes long.
const passing = ["not_recorded", "internal", "slow_down", "restarting", "database_away", "unsure", "elsewhere", "unreadable"];

async function tapped(token: string, claims: Claims, nonce: string, button: HTMLButtonElement, timer: number): Promise<void> {
  button.disabled = true;
  button.textContent = "Opening…";
  try {
    const session = await redeem(token, nonce);
    clearInterval(timer);
    forget("local", "snapback.opening");
    remember("local", "snapback.opened", `${claims.n} ${session.id}`);
    open(session);
  } catch (err) {
    const final = err instanceof Refused && !passing.includes(err.problem.code);
    if (final) clearInterval(timer);
    refuse(button, err instanceof Refused ? err.message : "Snapback can't be reached. Check your connection and tap again.");
    if (final) return;
    button.disabled = false;
    button.textContent = "Try again";
  }
}

// resume is what a reload does: the cookie is still there.
async function resume(): Promise<void> {
  const mine = recall("session", "snapback.session");
  try {
    const session = await begin();
    if (session.key) return open(session);
    if (mine && mine !== session.id) {
      showOver("Another terminal is open", "This browser has opened another terminal since. Tap Terminal in Slack again for this one." + leftOf(mine));
      return;
    }
    open(session);
  } catch (err) {
    if (seatID() && err instanceof Refused) return location.replace("/"); // the console says what to do
    const left = mine && err instanceof Refused ? leftOf(mine) : "";
    showOver("No terminal here", err instanceof Refused ? err.message + left : "Snapback can't be reached. Check your connection and reload.");
  }
}

function main(): void {
  const token = takeToken();
  allowStyles();
  followViewport();
  // A second link that is opened in the same tab changes the fragment alone.
  addEventListener("hashchange", () => location.hash.length > 1 && location.reload());
  const claims = token ? readClaims(token) : null;
  if (claims) void leadBack(claims).then((led) => led || offer(token, claims));
  else if (token) showOver("This link is not complete", "It was probably cut off when it was copied. Tap Terminal in Slack again.");
  else void resume();
}

main();
