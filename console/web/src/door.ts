import { action, make, view, wait } from "./dom";
import { Away, get, post, Refused } from "./server";
import * as passkey from "./passkey";

const link = /^#register=([A-Z2-7]+)$/;

// token is that of a link that registers a passkey. It leaves the address at once, and goes nowhere but to the server.
export function token(): string | undefined {
  const found = link.exec(location.hash)?.[1];
  if (found) history.replaceState(null, "", "/");
  return found;
}

function card(title: string, ...rest: (Node | string | null)[]): HTMLElement {
  return make("section", { class: "card" }, make("p", { class: "brand" }, "Snapback"), make("h1", {}, title), ...rest);
}

function alert(): HTMLElement {
  return make("p", { class: "problem", role: "alert", hidden: true });
}

// act is a button that does something once, says so at once, and says what went wrong.
function act(label: string, busy: string, out: HTMLElement, run: () => Promise<void>): HTMLElement {
  const button = action({ class: "primary" }, false, () => {
    wait(button, true);
    button.textContent = busy;
    out.hidden = true;
    run().catch((err: unknown) => {
      out.textContent = words(err);
      out.hidden = false;
    }).finally(() => {
      wait(button, false);
      button.textContent = label;
    });
  }, label);
  return button;
}

function words(err: unknown): string {
  return err instanceof Refused || err instanceof Away ? err.message : passkey.why(err);
}

async function enter(): Promise<void> {
  const options = await post("/console/signin/begin");
  await post("/console/signin/finish", { credential: await passkey.get(options) });
}

// signIn is shown to whoever is not signed in. why says what has ended, if something has.
export function signIn(why: string, entered: () => void): void {
  const out = alert();
  const go = act("Sign in with a passkey", "Asking for your passkey…", out, async () => {
    await enter();
    entered();
  });
  view("Sign in", card("Sign in", why ? make("p", { class: "note" }, why) : null, go, out, help()));
  get<{ registered: boolean }>("/console/door").then((door) => {
    if (!door.registered) nobody();
  }).catch((err: unknown) => {
    if (err instanceof Refused && err.code === "no_passkeys") closed(err.message);
  });
}

function help(): HTMLElement {
  return make("p", { class: "fine" }, "First time on this device? Type ", make("code", {}, "/snapback signin"), " in Slack, and open the link here.");
}

function nobody(): void {
  view("Nobody can sign in yet", card("Nobody can sign in yet", make("p", { class: "note" }, "No passkey is registered. Type ", make("code", {}, "/snapback signin"),
    " in Slack and open the link on this device, or run ", make("code", {}, "snapback person add"), " on the host.")));
}

function closed(why: string): void {
  view("The console is closed", card("The console is closed", make("p", { class: "note" }, why)));
}

// register is shown to whoever has opened a link. The answer that the link is used up by may be lost: then the next tap says the same again,
// and signs in where the bot has heard it the first time.
export function register(token: string, entered: () => void): void {
  const out = alert();
  let made: unknown; // what this device has made and the bot may not have heard of
  const go = act("Register this device", "Asking for a passkey…", out, async () => {
    const again = made !== undefined;
    try {
      made ??= await passkey.create(await post("/console/register/begin", { token }));
      await post("/console/register/finish", { token, credential: made });
    } catch (err) {
      if (!(err instanceof Away)) made = undefined;
      if (!registered(err)) throw err;
      if (!again || !(await enter().then(() => true, () => false))) return signIn(leads(err), entered);
    }
    entered();
  });
  view("Register this device", card("Register this device", make("p", { class: "note" },
    "It gets a passkey, locked by your face, finger or PIN. With it you sign in to Snapback's console. The link works once."), go, out));
}

// registered says of an error that the device may be registered already.
function registered(err: unknown): boolean {
  return (err instanceof Refused && err.code === "link_over") || (err instanceof DOMException && err.name === "InvalidStateError");
}

function leads(err: unknown): string {
  return err instanceof Refused ? "This link is used or over. If it has registered this device, sign in." : words(err);
}
