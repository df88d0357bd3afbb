import { el } from "./dom";
import { Kept, type Unsent } from "./kept";
import type { Said } from "./protocol";

const piece = 8192; // characters in one message
const most = 65536; // characters that are kept while there is no contact
const late = 1500; // ms without a receipt before what was typed is shown
const old = 30_000; // ms after which something that was typed is no longer sent without asking

interface Piece {
  number: number;
  text: string;
  at: number;
  hidden: boolean; // a password, by all that can be seen
}

export interface Line {
  live: boolean;
  say(message: Said): boolean;
}

// Typing numbers what is typed and keeps it until the bot has said that it has it. After a connection was cut, the rest is sent
// again, and the bot takes each number once. What can't be sent, or was typed too long ago to be sent unasked, is given back: it stays in
// sight until somebody sends or drops it, over a reload as well, but for passwords.
export class Typing {
  private turn = 0;
  private number = 0;
  private sent = 0; // the last number that went over the connection that there is
  private pieces: Piece[] = [];
  private back: Array<Pick<Piece, "text" | "hidden">> = [];
  private run = "";
  private running = false;
  private words = "";
  private over = false;
  private before: Unsent | null = null; // what this page has begun with, until it is sent or dropped
  private readonly kept: Kept;

  constructor(
    private readonly page: string,
    session: string,
    private readonly line: Line,
  ) {
    this.kept = new Kept(session);
    this.begin();
    addEventListener("pagehide", () => this.keep(true));
    document.addEventListener("visibilitychange", () => this.show());
    el("held-send").addEventListener("click", () => this.sendBack());
    el("held-drop").addEventListener("click", () => this.drop());
    el("held").addEventListener("mousedown", (e) => e.target instanceof HTMLButtonElement && e.preventDefault()); // whoever types goes on typing
    setInterval(() => this.show(), 500);
  }

  // begin takes up what a reload has interrupted.
  private begin(): void {
    this.before = this.kept.there;
    if (!this.before) return;
    const { text, hidden, perhaps } = this.before;
    this.back.push({ text, hidden: false });
    const fate = `${perhaps ? "Some of it may have arrived" : "It was not sent"}${hidden ? ", and a password was not kept" : ""}:`;
    this.words = text ? `Typed before the page was loaded anew. ${fate}` : "A password was typed before the page was loaded anew, and was not kept.";
  }

  get by(): string {
    return `${this.page}.${this.turn}`;
  }

  // left is what was typed and never taken, for a session that is over.
  get left(): string {
    this.over = true;
    this.giveBack("");
    this.show();
    return this.back.map(seen).join("");
  }

  // type says whether it was taken.
  type(text: string, hidden: boolean): boolean {
    if (this.pieces.reduce((n, p) => n + p.text.length, text.length) > most) {
      this.words = "No more than this is kept.";
      this.show();
      return false;
    }
    for (const part of parts(text)) this.pieces.push({ number: ++this.number, text: part, at: Date.now(), hidden });
    this.flush();
    this.show();
    return true;
  }

  // greeted is called on a new connection, with the shell that there is and how much it has taken of what this page has typed.
  greeted(run: string, taken: number): void {
    this.forget(taken);
    this.sent = taken;
    const first = this.pieces[0];
    if (first && run !== this.run) this.giveBack("The shell that you typed this for has ended:");
    else if (first && Date.now() - first.at > old) this.giveBack("Typed while there was no contact, and not sent:");
    this.flush();
    this.show();
  }

  // shell is called with what the bot says of the shell. What was typed before it had a name is for the first that comes. Each shell
  // counts from 1.
  shell(run: string, running: boolean): void {
    if (run && this.run && run !== this.run) {
      this.giveBack("The shell that you typed this for has ended:");
      this.countAnew();
    }
    const first = this.pieces[0];
    if (run && !this.run && first && Date.now() - first.at > old) this.giveBack("Typed before there was a shell, and not sent:");
    this.run = run || this.run;
    this.running = running;
    this.flush();
    this.show();
  }

  taken(by: string, upTo: number): void {
    if (by !== this.by) return;
    this.forget(upTo);
    this.show();
  }

  refused(by: string, upTo: number, why: string): void {
    if (by !== this.by) return;
    this.forget(upTo);
    this.giveBack(`${why} Not sent:`);
  }

  private forget(upTo: number): void {
    this.pieces = this.pieces.filter((p) => p.number > upTo);
  }

  private flush(): void {
    if (!this.run || !this.line.live) return;
    for (const p of this.pieces) {
      if (p.number <= this.sent) continue;
      if (!this.line.say({ type: "typed", by: this.by, number: p.number, run: this.run, text: p.text })) return;
      this.sent = p.number;
    }
  }

  // giveBack starts another count: what is under way under the old one will be refused.
  private giveBack(words: string): void {
    if (this.pieces.length === 0) return;
    this.back.push(...this.pieces);
    this.words = words;
    this.pieces = [];
    this.countAnew();
    this.show();
  }

  private countAnew(): void {
    this.turn++;
    this.number = this.sent = 0;
  }

  private sendBack(): void {
    const back = this.back;
    this.back = [];
    const taken = back.findIndex((p) => !this.type(p.text, p.hidden));
    if (taken >= 0) this.back = back.slice(taken);
    this.show();
  }

  // drop takes back what was not sent. What is under way can't be.
  private drop(): void {
    this.pieces = this.pieces.filter((p) => p.number <= this.sent);
    this.number = this.pieces.at(-1)?.number ?? this.sent;
    this.back = [];
    this.show();
  }

  // keep has what is in sight outlive the page, and what is under way when the page may be let go.
  private keep(is: boolean): void {
    const all = is && !this.over ? [...this.back, ...this.pieces] : [];
    if (this.back.length === 0) this.before = null;
    if (all.length === 0) return this.kept.put(null);
    this.kept.put({
      text: all.map((p) => (p.hidden ? "" : p.text)).join(""),
      hidden: this.before?.hidden || all.some((p) => p.hidden),
      perhaps: this.before?.perhaps || this.pieces.some((p) => p.number <= this.sent),
    });
  }

  private show(): void {
    const given = this.back.length > 0;
    const waits = this.pieces.length > 0 && (!this.line.live || Date.now() - (this.pieces[0]?.at ?? 0) > late);
    this.keep(given || waits || document.visibilityState === "hidden");
    el("held").hidden = !given && !waits;
    if (!given && !waits) return void (this.words = "");
    const words = this.words || "Will be sent when there is contact again:";
    if (el("held-words").textContent !== words) el("held-words").textContent = words;
    el("held-text").textContent = [...this.back, ...this.pieces].map(seen).join("");
    el("held-send").hidden = this.back.every((p) => p.text === "");
    el<HTMLButtonElement>("held-send").disabled = !this.line.live || !this.running;
  }
}

function* parts(text: string): Generator<string> {
  for (let i = 0; i < text.length; ) {
    let end = Math.min(text.length, i + piece);
    if (end < text.length && /[\uD800-\uDBFF]/.test(text.charAt(end - 1))) end--; // a pair stays together
    yield text.slice(i, end);
    i = end;
  }
}

// leftOf says what was typed in a session that is over, where the page could not say so any more.
export function leftOf(session: string): string {
  const left = new Kept(session).there;
  return left?.text ? ` Typed, and ${left.perhaps ? "perhaps " : ""}not sent: ${seen({ text: left.text, hidden: false })}` : "";
}

const names: Record<string, string> = { "\r": "⏎", "\n": "⏎", "\t": "⇥", "\x1b": "⎋", "\x7f": "⌫", "\x1b[A": "↑", "\x1b[B": "↓", "\x1b[C": "→", "\x1b[D": "←", "\x1bOA": "↑", "\x1bOB": "↓", "\x1bOC": "→", "\x1bOD": "←", "\x1b[H": "⇱", "\x1b[F": "⇲", "\x1b[5~": "⇞", "\x1b[6~": "⇟", "\x1b[200~": "", "\x1b[201~": "" };

// seen is what was typed as people can read it.
function seen(p: Pick<Piece, "text" | "hidden">): string {
  return p.text.replace(/\x1b\[[\d;]*[A-Z~]|\x1bO[A-H]|[\x00-\x1f\x7f]|[^\x00-\x1f\x7f]/gu, (c) => names[c] ?? (c.length > 2 && c < " " ? `⎋${c.slice(1)}` : c < " " ? `^${String.fromCharCode(c.charCodeAt(0) + 64)}` : p.hidden ? "•" : c));
}
