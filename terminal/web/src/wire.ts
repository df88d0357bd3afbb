import { at } from "./address";
import { Refused, current } from "./connection";
import { closeOver, subprotocol, type Session } from "./protocol";

const silence = 3000; // the bot gives a sign of life every second
const doubt = 4000; // then another connection is looked for beside the silent one
const patience = 4000; // with one question
const asked = 5; // questions at once, of which any may still be answered: one begins every second, also while the oldest has not given up yet
const quick = 1400; // for a handshake, where nothing else is known
const slow = 6000; // from some on that were in vain
const slowest = 20_000; // and at most, where questions are answered
const vain = 11; // of the quick ones in a row: browsers make a page wait for a handshake that opened many in vain, for 5 s at most
const direct = 10_000; // between two handshakes without an answer before them, where they fail at once
const fresh = 10_000; // since an answer: the network is there

// Contact is how it stands with the bot.
export interface Contact {
  silent: number; // since when, in ms; 0: it is there
  why: string; // what is wrong, where more than silence is known
}

export interface Caller {
  opened(): void; // a connection is there, and wants to be greeted
  heard(data: string | ArrayBuffer): void;
  contact(c: Contact): void;
  over(text: string): void;
}

// Wire keeps a WebSocket open until the session is over. A connection that has gone silent is not waited for: another is sought
// beside it, and whichever speaks first is the one. Whether there is a way at all is asked by plain HTTP, because browsers make a page wait
// that opens many WebSockets in vain.
export class Wire {
  private socket: WebSocket | null = null;
  private opening: WebSocket | null = null;
  private openingAt = 0;
  private hung = 0; // handshakes that were given up since there was contact
  private outrun = 0; // the last of them in a row that were given up although questions were answered: the network is slow, not gone
  private answeredAt = 0;
  private took = 0; // the last answer, in ms
  private questions = new Set<AbortController>();
  private heardAt = Date.now();
  private tries = 0; // since there was contact
  private unopened = 0; // handshakes that failed although the bot could be asked
  private nextAt = 0;
  private directAt = 0;
  private why = ""; // by the bot's answers, or the lack of an upgrade
  private parting = ""; // what was said when the last connection was closed
  private answered = false; // the bot could be asked right before the handshake
  private met = false; // there has been contact
  private done = false;
  private timer = 0;
  private readonly hurried = (): void => this.hurry();

  constructor(
    private readonly page: string,
    private readonly caller: Caller,
  ) {
    addEventListener("online", this.hurried);
    document.addEventListener("visibilitychange", this.hurried);
    this.timer = window.setInterval(() => this.look(), 250);
    this.open(true);
  }

  // live says that what is sent now will probably arrive.
  get live(): boolean {
    return this.socket?.readyState === WebSocket.OPEN && Date.now() - this.heardAt < silence;
  }

  send(text: string): boolean {
    if (!this.live) return false;
    this.socket?.send(text);
    return true;
  }

  greet(text: string): void {
    this.socket?.send(text);
  }

  stop(): void {
    this.done = true;
    clearInterval(this.timer);
    removeEventListener("online", this.hurried);
    document.removeEventListener("visibilitychange", this.hurried);
    this.forget();
    this.opening?.close();
    this.socket?.close();
  }

  private look(): void {
    const age = Date.now() - this.heardAt;
    const lost = this.socket === null;
    if ((lost && this.met) || this.why || age >= silence) this.caller.contact({ silent: Math.max(age, 1), why: this.why || (age < silence ? this.parting : "") });
    if (!lost && age < doubt) return;
    // A question may wait on a connection that died with the network (with HTTP/2 all do, for some 20 s); a handshake is made over a new one,
    // if no proxy offers WebSockets over HTTP/2.
    if (this.opening && !this.underWay()) return this.open(false);
    if (Date.now() >= this.nextAt && (!this.opening || Date.now() - this.openingAt > 1000)) this.seek();
  }

  private hurry(): void {
    if (document.visibilityState !== "visible") return;
    this.tries = this.nextAt = this.directAt = this.hung = this.outrun = 0;
    this.look();
  }

  // seek asks the bot whether it can be reached. The waits between are short, since whoever comes out of a tunnel waits for the next.
  private seek(): void {
    this.nextAt = Date.now() + Math.min(this.unopened > 1 ? 5000 : 1000, 250 * 2 ** this.tries++);
    if (!this.opening && Date.now() >= this.directAt) return this.open(false);
    if (this.questions.size < asked) void this.ask();
  }

  private async ask(): Promise<void> {
    const began = Date.now();
    const question = new AbortController();
    const timer = setTimeout(() => question.abort(), patience);
    this.questions.add(question);
    try {
      const session = await current(this.page, this.unopened, question.signal);
      if (!question.signal.aborted) this.reached(session, Date.now() - began);
    } catch (err) {
      if (!question.signal.aborted) this.unreached(err);
    }
    clearTimeout(timer);
    this.questions.delete(question);
  }

  private forget(): void {
    for (const q of this.questions) q.abort();
    this.questions.clear();
  }

  // reached is called when the bot has answered a question, and how long that took.
  private reached(session: Session, took: number): void {
    this.forget();
    const there = this.answered || this.answeredAt > this.openingAt; // the handshake that is under way has had a network before
    this.answeredAt = Date.now();
    this.took = took;
    if (this.done || this.live || this.underWay(Math.max(there ? this.granted : 1000, 2 * took))) return;
    if (session.wire) this.why = session.wire.detail;
    this.open(true);
  }

  // granted is how long a handshake may take, in ms. Who has no network leaves each soon, since one that was begun without it never comes
  // to anything; a slow one gets its time: some answers' worth, and twice as much each time. A page that was just loaded has a network.
  private get granted(): number {
    const usual = this.met && this.hung < vain ? quick : slow;
    return Math.min(slowest, Math.max(usual, this.isThere ? 3 * this.took : 0, quick * 2 ** this.outrun));
  }

  // isThere says that the network is, as far as is known.
  private get isThere(): boolean {
    return Date.now() - this.answeredAt < fresh;
  }

  // underWay says that there is a handshake which may still come to something.
  private underWay(granted = this.granted): boolean {
    if (!this.opening) return false;
    if (Date.now() - this.openingAt < granted) return true;
    this.hung++;
    this.outrun = this.isThere ? this.outrun + 1 : 0;
    if (this.outrun > 2) this.unopened++; // something between lets questions through, and swallows this
    const hung = this.opening;
    this.opening = null;
    hung.close();
    return false;
  }

  private unreached(err: unknown): void {
    if (!(err instanceof Refused)) {
      this.why = "";
      this.unopened = 0;
      return;
    }
    if (["no_session", "other_session", "session_over", "signed_out"].includes(err.problem.code)) this.finish(err.message);
    else this.why = err.problem.code === "unreadable" ? "" : err.message;
  }

  private open(answered: boolean): void {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${at("/t/ws", { page: this.page })}`, subprotocol);
    this.directAt = Date.now() + direct;
    this.opening = socket;
    this.openingAt = Date.now();
    this.answered = answered;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.opened(socket);
    socket.onmessage = (e: MessageEvent<string | ArrayBuffer>) => this.heard(socket, e.data);
    socket.onclose = (e) => this.closed(socket, e);
  }

  private opened(socket: WebSocket): void {
    if (socket !== this.opening || this.done) return socket.close();
    const before = this.socket;
    this.socket = socket;
    this.opening = null;
    before?.close();
    this.unopened = 0;
    this.heardAt = Date.now();
    this.caller.opened();
    // What died with the network would be given to whatever the page asks next: questions have it instead, and are given up.
    if (this.met) for (let n = this.questions.size; n < asked; n++) void this.ask();
  }

  private heard(socket: WebSocket, data: string | ArrayBuffer): void {
    if (socket !== this.socket || this.done) return;
    this.heardAt = Date.now();
    this.tries = this.hung = this.outrun = this.answeredAt = this.directAt = this.unopened = 0;
    this.why = this.parting = "";
    this.met = true;
    this.caller.heard(data);
    this.caller.contact({ silent: 0, why: "" });
  }

  private closed(socket: WebSocket, e: CloseEvent): void {
    if (this.done || (socket !== this.socket && socket !== this.opening)) return;
    if (socket === this.opening) {
      this.opening = null;
      if (this.answered) this.unopened++;
    } else {
      this.socket = null;
      if (e.code === closeOver) return this.finish(e.reason);
      this.parting = e.reason;
    }
    this.look();
  }

  private finish(text: string): void {
    if (this.done) return;
    this.stop();
    this.caller.over(text);
  }
}
