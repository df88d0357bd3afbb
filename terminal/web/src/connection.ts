import { at } from "./address";
import { el } from "./dom";
import type { Have, Output, Said, Session, Told } from "./protocol";
import { Wire, type Contact } from "./wire";

export interface Listener {
  told(message: Told): void;
  output(piece: Output, lost: boolean): void;
  turned(): void; // another shell is shown from here on
  fresh(): void; // what was shown before belongs to another count: start again
  contact(c: Contact): void;
  readonly typist: string; // under which name it counts what it sends
  over(text: string): void;
}

// Problem is the server's refusal in words.
interface Problem {
  code: string;
  detail: string;
}

export async function problemOf(response: Response): Promise<Problem> {
  try {
    return (await response.json()) as Problem;
  } catch {
    return { code: "unreadable", detail: "Snapback did not answer as expected. Try again." };
  }
}

export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

// patience is how long an answer may take on a bad network, in ms. Whoever waits hears then that there is none.
export const patience = 15_000;

// redeem uses a link up. The nonce is the same each time that a link is tried: whoever has it gets the session of an answer that was lost.
export async function redeem(token: string, nonce: string): Promise<Session> {
  const response = await fetch("/t/redeem", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token, nonce }),
    credentials: "same-origin",
    signal: AbortSignal.timeout(patience),
  });
  listen(response);
  if (!response.ok) throw new Refused(await problemOf(response));
  return (await response.json()) as Session;
}

// begin is the session that this browser's cookie stands for, or the one in the console that the address names, with the newest lines of its
// log: from the page itself, where the bot could put it there, and asked for otherwise.
export async function begin(): Promise<Session> {
  const given = el("first").textContent;
  return given ? (JSON.parse(given) as Session) : ask({ first: "yes" });
}

// current is that session, and why the page has no WebSocket.
export function current(page: string, unopened: number, signal: AbortSignal): Promise<Session> {
  return ask({ page, says, unopened: String(Math.min(unopened, 9)) }, signal);
}

async function ask(query: Record<string, string>, signal?: AbortSignal): Promise<Session> {
  // A browser has a question wait for another with the same address, as the answer might be kept, unless it is told that it won't be.
  const response = await fetch(at("/t/session", query), { credentials: "same-origin", cache: "no-store", signal: signal ?? AbortSignal.timeout(patience) });
  listen(response);
  if (!response.ok) throw new Refused(await problemOf(response));
  return (await response.json()) as Session;
}

let says = ""; // what lies between says of itself, if something does

function listen(response: Response): void {
  says = `${response.headers.get("Server") ?? ""} ${response.headers.get("Via") ?? ""}`.trim();
}

export async function endSession(): Promise<void> {
  const response = await fetch(at("/t/end"), { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}", signal: AbortSignal.timeout(patience) });
  if (!response.ok && response.status < 500 && response.status !== 401 && response.status !== 410) throw new Refused(await problemOf(response));
}

// Connection speaks with the bot until the session is over, and picks up where it was cut.
export class Connection {
  readonly page = unguessable(); // tells the bot which connections are the same page's
  private readonly wire: Wire;
  private readonly have: Have = { lines: 0, output: 0 };
  private epoch = "";
  private watching: { run: string; epoch: string; output: number } | null = null; // somebody else's shell
  private liveFrom = 0; // output before this offset was there before we came
  private met = false; // the bot has said on this connection what it has

  constructor(
    session: Session,
    private readonly listener: Listener,
  ) {
    this.wire = new Wire(this.page, {
      opened: () => {
        this.met = false;
        this.wire.greet(JSON.stringify({ type: "hello", session: session.id, epoch: this.epoch, have: this.have, by: listener.typist } satisfies Said));
      },
      heard: (data) => this.received(data),
      contact: (c) => listener.contact(c),
      over: (text) => listener.over(text),
    });
  }

  get live(): boolean {
    return this.wire.live;
  }

  // say says whether it could be sent. What is typed waits until it is known how much of it the bot has.
  say(message: Said): boolean {
    if (message.type === "typed" && !this.met) return false;
    return this.wire.send(JSON.stringify(message));
  }

  // watch asks for somebody else's shell, from the beginning or from where this page was cut off.
  watch(run: string): void {
    const had = this.watching?.run === run ? this.watching : { epoch: "", output: 0 };
    this.wire.send(JSON.stringify({ type: "watch", run, epoch: had.epoch, have: { lines: 0, output: had.output }, by: this.listener.typist } satisfies Said));
  }

  // watches is the shell of somebody else that is shown.
  get watches(): string {
    return this.watching?.run ?? "";
  }

  stop(): void {
    this.wire.stop();
  }

  private received(data: string | ArrayBuffer): void {
    if (typeof data !== "string") return this.receivedOutput(data);
    const message = JSON.parse(data) as Told;
    if (message.type === "hello") this.greeted(message.epoch, message.live ?? 0);
    if (message.type === "lines") this.have.lines = message.next;
    if (message.type === "watch") this.watched(message.run, message.epoch, message.live ?? 0);
    if (message.type === "unwatched") this.unwatched(message.live ?? 0);
    this.listener.told(message);
  }

  private greeted(epoch: string, live: number): void {
    this.liveFrom = live;
    this.met = true;
    if (this.epoch && this.epoch !== epoch) {
      Object.assign(this.have, { lines: 0, output: 0 });
      this.listener.fresh();
    }
    this.epoch = epoch;
    if (!this.watching) return;
    this.met = false;
    this.watch(this.watching.run);
  }

  private watched(run: string, epoch: string, live: number): void {
    this.met = true;
    this.liveFrom = live;
    if (this.watching?.run === run && this.watching.epoch === epoch) return;
    this.watching = { run, epoch, output: 0 };
    this.listener.turned();
  }

  private unwatched(live: number): void {
    this.met = true;
    if (!this.watching) return;
    this.watching = null;
    this.have.output = 0;
    this.liveFrom = live;
    this.listener.turned();
  }

  private receivedOutput(data: ArrayBuffer): void {
    const head = new DataView(data).getBigUint64(0), offset = Number(BigInt.asUintN(63, head));
    if ((head >> 63n === 1n) !== (this.watching !== null)) return; // of the shell that was shown before
    const bytes = new Uint8Array(data, 8), have = this.watching ?? this.have, epoch = this.watching?.epoch ?? this.epoch;
    const lost = offset > have.output;
    have.output = offset + bytes.length;
    const old = Math.min(bytes.length, Math.max(0, this.liveFrom - offset));
    if (old > 0) this.listener.output({ epoch, at: offset, bytes: bytes.subarray(0, old), history: true }, lost);
    if (old < bytes.length) this.listener.output({ epoch, at: offset + old, bytes: bytes.subarray(old), history: false }, lost && old === 0);
  }
}

// unguessable is 128 bits in 32 letters.
export function unguessable(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}
