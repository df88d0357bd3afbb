import "./errors.css";
import { Refused, problemOf, patience } from "./connection";
import { clock, el } from "./dom";
import type { Session } from "./protocol";

const every = 10_000; // between two questions, while somebody looks

interface Answer {
  figures: string;
  said?: string;
  svg?: string;
}

// Errors is the view of a container's errors a minute. It asks only while it is looked at, and what it has shown stays until there
// is something newer; then it says how old that is.
export class Errors {
  private readonly figures = el("errors-figures");
  private readonly said = el("errors-said");
  private readonly asof = el("errors-asof");
  private readonly stale = el("errors-stale");
  private readonly chart = el("errors-chart");
  private timer = 0;
  private tag = "";
  private asking = false;
  private looked = false;
  private known: Date | null = null;

  constructor(private readonly session: Session) {
    document.addEventListener("visibilitychange", () => this.now());
    addEventListener("online", () => this.now());
    this.figures.textContent = "Asking for the errors a minute…";
  }

  shown(): void {
    this.looked = true;
    this.now();
  }

  hidden(): void {
    this.looked = false;
    clearTimeout(this.timer);
  }

  private now(): void {
    clearTimeout(this.timer);
    if (this.looked && document.visibilityState === "visible") void this.ask();
  }

  private async ask(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      await this.fetched();
      this.said.hidden = this.said.textContent === "";
      this.known = new Date();
      this.asof.textContent = `As of ${clock(this.known, true)}`;
      this.stale.hidden = true;
    } catch (err) {
      this.failed(err instanceof Refused ? err.message : "Snapback can't be reached.");
    }
    this.asking = false;
    if (this.looked) this.timer = window.setTimeout(() => this.now(), every);
  }

  private async fetched(): Promise<void> {
    const query = new URLSearchParams({ session: this.session.id, theme: "auto" });
    const response = await fetch(`/t/errors?${query.toString()}`, { credentials: "same-origin", cache: "no-store", signal: AbortSignal.timeout(patience), headers: this.tag ? { "If-None-Match": this.tag } : {} });
    if (response.status === 304) return;
    if (!response.ok) throw new Refused(await problemOf(response));
    this.show((await response.json()) as Answer);
    this.tag = response.headers.get("ETag") ?? "";
  }

  private show(a: Answer): void {
    this.figures.textContent = a.figures;
    this.figures.classList.toggle("unknown", !a.svg);
    this.said.textContent = a.said ?? "";
    this.chart.replaceChildren(...(a.svg ? [drawn(a.svg)] : []));
  }

  private failed(why: string): void {
    this.stale.textContent = this.known ? `${why} What stands here is of ${clock(this.known)}.` : why;
    this.stale.hidden = false;
    if (!this.known) this.figures.textContent = "Not known yet.";
  }
}

// drawn is the bot's picture as a part of the page. Its styles are taken out before it is parsed, and made anew, so that the page's
// policy lets them through. Text within the picture is escaped, so the first style element is its own.
function drawn(svg: string): Element {
  const style = document.createElement("style");
  const bare = svg.replace(/<style>([^<]*)<\/style>/, (_, text: string) => {
    style.textContent = text;
    return "";
  });
  const picture = document.importNode(new DOMParser().parseFromString(bare, "image/svg+xml").documentElement, true);
  picture.prepend(style);
  return picture;
}
