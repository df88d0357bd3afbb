import { at } from "./address";
import { Refused, problemOf } from "./connection";
import type { Filter } from "./filter";
import type { Line, Session } from "./protocol";

export interface Past {
  lines: Line[];
  start?: boolean; // there is nothing before them, or nothing that is looked for
  far?: boolean; // with start: there may be others, too far back to be looked for
  end?: boolean; // nor after
}

export interface Moment {
  what: string; // deploy, alert, restore, undo
  at: string;
}

const patience = 25_000; // ms: the bot looks for 20 s at most

// ask says in words what has gone wrong. An answer that nobody waits for any more is let go with its turn, at the bot as well.
async function ask(path: string, query: Record<string, string>, how: RequestInit = {}, turn = new AbortController()): Promise<Response> {
  const late = AbortSignal.timeout(patience);
  late.addEventListener("abort", () => turn.abort());
  const response = await fetch(at(path, query), { credentials: "same-origin", cache: "no-store", signal: turn.signal, ...how }).catch(() => {
    throw new Error("Snapback can't be reached. Try again.");
  });
  if (!response.ok) throw new Refused(await problemOf(response));
  return response;
}

// past asks for what stands before a line, from a time on, or after a line.
export async function past(session: Session, by: "before" | "since" | "after", when: string, filter: Filter, turn: AbortController): Promise<Past> {
  const only = { ...(filter.source ? { match: filter.source } : {}), ...(filter.not ? { not: "1" } : {}), ...(filter.task ? { task: filter.task } : {}) };
  return (await (await ask("/t/logs", { session: session.id, [by]: when, ...only }, {}, turn)).json()) as Past;
}

export interface Task {
  name: string;
  on?: string; // node
  state?: string;
}

export async function tasks(session: Session): Promise<Task[]> {
  return ((await (await ask("/t/tasks", { session: session.id })).json()) as { tasks: Task[] | null }).tasks ?? [];
}

export async function moments(session: Session): Promise<Moment[]> {
  return ((await (await ask("/t/moments", { session: session.id })).json()) as { moments: Moment[] }).moments;
}

export async function share(session: Session, line: Line): Promise<void> {
  await ask("/t/share", { session: session.id }, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ at: line.at, text: line.text }) });
}
