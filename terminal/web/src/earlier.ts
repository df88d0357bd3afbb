import { at } from "./address";
import { Refused, problemOf } from "./connection";
import type { Line, Session } from "./protocol";

export interface Earlier {
  lines: Line[];
  start?: boolean; // there is nothing before them
}

// earlier asks for what stands before a line.
export async function earlier(session: Session, before: string): Promise<Earlier> {
  const response = await fetch(at("/t/logs", { session: session.id, before }), { credentials: "same-origin" });
  if (!response.ok) throw new Refused(await problemOf(response));
  return (await response.json()) as Earlier;
}
