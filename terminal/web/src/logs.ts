import { plain, render } from "./ansi";
import { clock, el } from "./dom";
import type { Line } from "./protocol";

const keep = 3000; // lines, while the newest is followed; twice as many while somebody reads older ones

// Logs is the list of lines. It follows the newest until somebody scrolls up or pauses.
export class Logs {
  private readonly list = el("lines");
  private readonly filter = el<HTMLInputElement>("filter");
  private readonly pause = el<HTMLButtonElement>("pause");
  private readonly newest = el<HTMLButtonElement>("newest");
  private readonly nomatch = el("nomatch");
  private following = true;
  private paused = false;
  private unseen = 0;
  private gone = 0;

  constructor() {
    this.list.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.filter.addEventListener("input", () => this.refilter());
    this.pause.addEventListener("click", () => this.setPaused(!this.paused));
    this.newest.addEventListener("click", () => this.setPaused(false));
  }

  add(lines: Line[], skipped = 0): void {
    const batch = document.createDocumentFragment();
    if (skipped > 0) batch.append(this.row({ kind: "note", text: `${skipped} lines came too fast for this connection and were left out` }));
    for (const line of lines) batch.append(this.row(line));
    this.list.append(batch);
    this.trim();
    if (this.following) this.toEnd();
    else this.count(lines.length);
    this.tellEmpty();
  }

  clear(): void {
    this.list.replaceChildren();
    this.gone = 0;
  }

  // trim lets the oldest lines go, says so in their place, and leaves what is being read where it is.
  private trim(): void {
    const over = this.list.childElementCount - (this.gone > 0 ? 1 : 0) - (this.following ? keep : 2 * keep);
    if (over <= 0) return;
    const height = this.list.scrollHeight;
    for (let i = this.gone > 0 ? -1 : 0; i < over; i++) this.list.firstElementChild?.remove();
    this.gone += over;
    const note = this.row({ kind: "note", text: `${this.gone} older lines are no longer kept here` });
    note.classList.add("gone");
    this.list.prepend(note);
    if (!this.following) this.list.scrollTop -= height - this.list.scrollHeight;
  }

  // shown is called when the tab is: a hidden list can't be scrolled.
  shown(): void {
    if (this.following) this.toEnd();
  }

  private row(line: Line): HTMLElement {
    const row = document.createElement("div");
    row.className = line.kind ? `row ${line.kind}` : "row";
    if (line.at) {
      const time = document.createElement("time");
      time.textContent = clock(new Date(line.at), true);
      row.append(time);
    }
    const text = document.createElement("span");
    render(line.text, text);
    row.append(text);
    row.dataset["text"] = plain(line.text).toLowerCase();
    row.hidden = !this.matches(row);
    return row;
  }

  private matches(row: HTMLElement): boolean {
    return row.classList.contains("note") || (row.dataset["text"] ?? "").includes(this.filter.value.toLowerCase());
  }

  private refilter(): void {
    for (const row of this.list.children) (row as HTMLElement).hidden = !this.matches(row as HTMLElement);
    this.tellEmpty();
    if (this.following) this.toEnd();
  }

  private tellEmpty(): void {
    const any = this.list.querySelector(".row:not([hidden], .gone)") !== null;
    this.nomatch.hidden = any;
    this.nomatch.textContent = this.filter.value ? "No line matches the filter." : "Nothing has been logged yet.";
  }

  private scrolled(): void {
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 40;
    this.following = atEnd && !this.paused;
    if (this.following) this.unseen = 0;
    this.tellNewest();
  }

  private setPaused(paused: boolean): void {
    this.paused = paused;
    this.following = !paused;
    this.pause.setAttribute("aria-pressed", String(paused));
    this.pause.textContent = paused ? "Resume" : "Pause";
    if (this.following) this.toEnd();
    this.tellNewest();
  }

  private count(n: number): void {
    this.unseen += n;
    this.tellNewest();
  }

  private tellNewest(): void {
    this.newest.hidden = this.following;
    this.newest.textContent = this.unseen > 0 ? `↓ ${this.unseen} new` : "↓ Newest";
  }

  private toEnd(): void {
    this.unseen = 0;
    this.list.scrollTop = this.list.scrollHeight;
  }
}
