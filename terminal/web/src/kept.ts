import { forget, recall, remember } from "./dom";

// Unsent is what was typed and has not arrived, as far as the page knows.
export interface Unsent {
  text: string; // without what was hidden
  hidden: boolean; // something was, which is in no store
  perhaps: boolean; // some of it may have arrived
}

// Kept has what waits to be sent outlive a reload in this tab, and a page that a phone has let go of, for the session in which it was typed.
export class Kept {
  private readonly key: string;
  private stored: string;

  constructor(session: string) {
    this.key = `snapback.typed.${session}`;
    this.stored = recall("session", this.key) ?? "";
  }

  // there is what the page from before had, if anything.
  get there(): Unsent | null {
    return this.stored ? (JSON.parse(this.stored) as Unsent) : null;
  }

  put(unsent: Unsent | null): void {
    const text = unsent ? JSON.stringify(unsent) : "";
    if (text === this.stored) return;
    this.stored = text;
    if (text) remember("session", this.key, text);
    else forget("session", this.key);
  }
}
