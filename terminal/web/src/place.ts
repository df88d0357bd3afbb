import { forget, recall, remember } from "./dom";

const key = "snapback.place";
const settled = 400; // ms after a movement

// Elsewhere is where somebody reads who has asked for another time: the newest lines are kept aside meanwhile.
export interface Elsewhere {
  newest: DocumentFragment;
  last: string; // time of the last line that was read
  end: boolean;
}

// Place is the line that somebody reads, at the upper edge of the list. It outlives a reload in this tab, and a page that a phone has let go of.
export class Place {
  private timer = 0;

  constructor(
    private readonly session: string,
    private readonly list: HTMLElement,
  ) {}

  // before is the time of the line that was read before the page was loaded, if an older one than the newest was.
  get before(): string {
    const [session, at] = (recall("session", key) ?? "").split(" ");
    return session === this.session ? (at ?? "") : "";
  }

  // line is the one that is read now.
  get line(): HTMLElement | null {
    for (const row of this.list.querySelectorAll<HTMLElement>(".row[data-at]:not([hidden])")) if (row.offsetTop + row.offsetHeight > this.list.scrollTop) return row;
    return null;
  }

  get at(): string {
    return this.line?.dataset["at"] ?? "";
  }

  // keep remembers it a moment after something has moved. Whoever follows the newest lines has no place.
  keep(following: boolean): void {
    if (!following) return void (this.timer ||= window.setTimeout(() => this.settle(), settled));
    clearTimeout(this.timer);
    this.timer = 0;
    forget("session", key);
  }

  private settle(): void {
    this.timer = 0;
    const at = this.list.clientHeight > 0 ? this.at : ""; // a hidden list has no edge
    if (at) remember("session", key, `${this.session} ${at}`);
  }
}
