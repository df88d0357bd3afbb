// What travels over the WebSocket, subprotocol snapback.terminal.v2. Binary frames carry the shell's output behind an
// eight-byte offset since the session began, whose highest bit says that it is a shell of somebody else that is watched. What is typed is numbered, so that each piece is taken once.

export const subprotocol = "snapback.terminal.v2";

// The session is over: reconnecting is of no use. Every other close code is a reason to come back.
export const closeOver = 4001;

export interface Session {
  id: string;
  person: string;
  container: string;
  incident?: number;
  mode: "logs" | "shell";
  expires_at: string;
  idle_after: number;
  wire?: { code: string; detail: string }; // why this page's last WebSocket was refused
  lines?: Line[]; // the newest of the log, for a page that begins
  key?: string; // of a session that was opened in the console: the container's there
}

export type ShellState = "none" | "starting" | "running" | "ending" | "ended";

export interface Status {
  container: string;
  image: string;
  state: string;
  service?: boolean; // it is one, with tasks, and not a container
  task?: string; // in which the shell runs, and on which node
  shell: ShellState;
  run?: string; // which shell that is, or was
  message?: string;
  idle_at?: string; // when the session ends if nobody touches the page
  crowd?: Crowd; // who is at the shell
  others?: Other[]; // whose shells may be watched
}

export interface Crowd {
  cols: number;
  rows: number;
  holder: number; // has the keyboard
  free?: boolean; // there has been no contact with the holder for a while: the keyboard may be taken
  members: Array<{ id: number; name: string; asks?: boolean; away?: boolean }>; // 0 is whose shell it is
}

export interface Other {
  run: string;
  name: string;
  mine?: boolean; // the same person's, from elsewhere
}

export interface Line {
  at?: string;
  kind?: "err" | "note";
  text: string;
}

export type Told =
  | { type: "hello"; epoch: string; live?: number; run?: string; typed?: number }
  | { type: "status"; status: Status }
  | { type: "lines"; lines: Line[]; next: number; skipped?: number }
  | { type: "typed" | "refused"; by: string; typed?: number; text?: string }
  | { type: "watch"; run: string; name: string; you?: number; epoch: string; live?: number; typed?: number }
  | { type: "watched"; status: Status }
  | { type: "unwatched"; text?: string; live?: number }
  | { type: "beat" }
  | { type: "notice"; text: string };

export interface Have {
  lines: number;
  output: number;
}

// Place is where in a shell's output something stands, counted from that session's start.
export interface Place {
  epoch: string;
  at: number;
}

// Output is a piece of it. What was written before the page came is history, whose questions have been answered.
export interface Output extends Place {
  bytes: Uint8Array;
  history: boolean;
}

export type Said =
  | { type: "hello"; session: string; epoch: string; have: Have; by: string }
  | { type: "typed"; by: string; number: number; run: string; text: string }
  | { type: "shell"; cols: number; rows: number }
  | { type: "resize"; cols: number; rows: number }
  | { type: "watch"; run: string; epoch: string; have: Have; by: string }
  | { type: "unwatch" | "ask" | "take" }
  | { type: "give" | "spare"; whom: number }
  | { type: "active" }
  | ({ type: "answer"; text: string } & Place);

// Claims are the readable part of a link. The server alone decides whether they are true.
export interface Claims {
  n: string; // of this link alone
  p: { name: string };
  i?: number;
  c: string;
  d: string;
  m: "logs" | "shell";
  e: number;
}

export function readClaims(token: string): Claims | null {
  try {
    const b64 = (token.split(".")[0] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(b64), (c) => c.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as Claims;
    return typeof claims.e === "number" && typeof claims.d === "string" ? claims : null;
  } catch {
    return null;
  }
}
