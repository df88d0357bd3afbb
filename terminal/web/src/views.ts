import { clock, el, recall, remember } from "./dom";
import { moments, type Moment } from "./earlier";
import type { Session } from "./protocol";

const names: Record<string, string> = { deploy: "Deploy", alert: "Alert", restore: "Restore", undo: "Undo" };

// Views is what can be chosen of how the log is shown: from when, and whether long lines are wrapped.
export class Views {
  private readonly button = el("view");
  private readonly panel = el("views");
  private readonly wrap = el("wrap");

  constructor(
    private readonly session: Session,
    private readonly from: (at: string, what: string) => void,
  ) {
    this.button.addEventListener("click", () => this.toggle());
    this.wrap.addEventListener("click", () => this.setWrap(this.wrap.getAttribute("aria-pressed") !== "true"));
    el<HTMLFormElement>("from").addEventListener("submit", (e) => (e.preventDefault(), this.given()));
    this.setWrap(recall("local", "snapback.wrap") !== "off");
  }

  private setWrap(on: boolean): void {
    this.wrap.setAttribute("aria-pressed", String(on));
    el("lines").classList.toggle("unwrapped", !on);
    remember("local", "snapback.wrap", on ? "on" : "off");
  }

  private toggle(): void {
    this.show(this.panel.hidden !== false);
    if (!this.panel.hidden) void this.offer();
  }

  private show(open: boolean): void {
    this.panel.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
  }

  // offer asks each time: a restore may have been made since.
  private async offer(): Promise<void> {
    const box = el("moments"), field = el<HTMLInputElement>("from-time"), now = new Date();
    field.value ||= new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 16); // as local time
    try {
      box.replaceChildren(...(await moments(this.session)).map((m) => this.moment(m)));
    } catch (err) {
      box.textContent = err instanceof Error ? err.message : String(err);
    }
  }

  private moment(m: Moment): HTMLElement {
    const b = document.createElement("button"), when = new Date(m.at), what = names[m.what] ?? m.what;
    b.type = "button";
    b.textContent = `${what} ${day(when)}${clock(when)}`;
    b.addEventListener("click", () => this.go(m.at, what));
    return b;
  }

  private given(): void {
    const field = el<HTMLInputElement>("from-time"), when = new Date(field.value);
    if (!Number.isNaN(when.getTime())) this.go(when.toISOString(), "");
  }

  private go(at: string, what: string): void {
    this.show(false);
    this.from(at, what);
  }
}

// day is a date before a time, where it is not today's.
export function day(when: Date): string {
  return when.toDateString() === new Date().toDateString() ? "" : `${when.toLocaleDateString([], { day: "numeric", month: "short" })} `;
}
