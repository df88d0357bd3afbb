import { closeOver, subprotocol, type Have, type Said, type Session, type Told } from "./protocol";

export interface Listener {
  told(message: Told): void;
  output(bytes: Uint8Array, lost: boolean, history: boolean): void;
  fresh(): void; // what was shown before belongs to another count: start again
  connected(yes: boolean, why: string): void;
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

export async function redeem(token: string): Promise<Session> {
  const response = await fetch("/t/redeem", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
    credentials: "same-origin",
  });
  if (!response.ok) throw new Refused(await problemOf(response));
  return (await response.json()) as Session;
}

// current is the session that this browser's cookie stands for.
export async function current(): Promise<Session> {
  const response = await fetch("/t/session", { credentials: "same-origin" });
  if (!response.ok) throw new Refused(await problemOf(response));
  return (await response.json()) as Session;
}

export async function endSession(): Promise<void> {
  const response = await fetch("/t/end", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
  if (!response.ok && response.status < 500 && response.status !== 401 && response.status !== 410) throw new Refused(await problemOf(response));
}

// Connection keeps a WebSocket open until the session is over, and picks up where it was cut.
export class Connection {
  private socket: WebSocket | null = null;
  private readonly have: Have = { lines: 0, output: 0 };
  private epoch = "";
  private live = 0; // output before this offset was there before we came
  private attempt = 0;
  private timer = 0;
  private done = false;

  constructor(
    private readonly session: Session,
    private readonly listener: Listener,
  ) {
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.hurry());
    this.connect();
  }

  say(message: Said): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  input(bytes: Uint8Array): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    for (let i = 0; i < bytes.length; i += 16384) this.socket.send(bytes.slice(i, i + 16384));
  }

  stop(): void {
    this.done = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  private connect(): void {
    const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/t/ws`;
    const socket = new WebSocket(url, subprotocol);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify({ type: "hello", session: this.session.id, epoch: this.epoch, have: this.have } satisfies Said));
    socket.onmessage = (e: MessageEvent<string | ArrayBuffer>) => this.received(e.data);
    socket.onclose = (e) => this.closed(socket, e);
    this.socket = socket;
  }

  private received(data: string | ArrayBuffer): void {
    if (typeof data !== "string") return this.receivedOutput(data);
    const message = JSON.parse(data) as Told;
    if (message.type === "hello") this.greeted(message.epoch, message.live ?? 0);
    if (message.type === "lines") this.have.lines = message.next;
    this.listener.told(message);
  }

  private greeted(epoch: string, live: number): void {
    this.live = live;
    this.attempt = 0;
    if (this.epoch && this.epoch !== epoch) {
      Object.assign(this.have, { lines: 0, output: 0 });
      this.listener.fresh();
    }
    this.epoch = epoch;
    this.listener.connected(true, "");
  }

  private receivedOutput(data: ArrayBuffer): void {
    const offset = Number(new DataView(data).getBigUint64(0));
    const bytes = new Uint8Array(data, 8);
    const lost = offset > this.have.output;
    this.have.output = offset + bytes.length;
    const old = Math.min(bytes.length, Math.max(0, this.live - offset));
    if (old > 0) this.listener.output(bytes.subarray(0, old), lost, true);
    if (old < bytes.length) this.listener.output(bytes.subarray(old), lost && old === 0, false);
  }

  private closed(socket: WebSocket, e: CloseEvent): void {
    if (socket !== this.socket || this.done) return;
    this.socket = null;
    if (e.code === closeOver) return this.finish(e.reason);
    this.listener.connected(false, e.reason);
    this.later();
  }

  private later(): void {
    const wait = Math.min(8000, 400 * 2 ** this.attempt++) * (0.75 + Math.random() / 2);
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.again(), wait);
  }

  private hurry(): void {
    if (this.done || this.socket) return;
    clearTimeout(this.timer);
    void this.again();
  }

  // A refused WebSocket does not say why, so the session is asked for first.
  private async again(): Promise<void> {
    if (this.done || this.socket) return;
    try {
      await current();
    } catch (err) {
      if (err instanceof Refused && ["no_session", "session_over"].includes(err.problem.code)) return this.finish(err.message);
      return this.later();
    }
    if (!this.done && !this.socket) this.connect();
  }

  private finish(text: string): void {
    this.done = true;
    this.listener.over(text);
  }
}
