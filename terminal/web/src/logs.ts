import "./logs.css";
import { plain, render } from "./ansi";
import { clock, el } from "./dom";
import { earlier } from "./earlier";
import { Filter, Marks } from "./filter";
import type { Line, Session } from "./protocol";

const keep = 3000; // lines, while the newest is followed; twice as many while somebody reads older ones, and those that they asked for
const most = 20_000; // lines from before that somebody can have asked for at once

// Logs is the list of lines. It follows the newest until somebody touches it, scrolls up or pauses.
export class Logs {
  private readonly list = el("lines");
  private readonly field = el<HTMLInputElement>("filter");
  private readonly pause = el<HTMLButtonElement>("pause");
  private readonly newest = el<HTMLButtonElement>("newest");
  private readonly nomatch = el("nomatch");
  private following = true;
  private paused = false;
  private touched = false; // a finger is on the list
  private down = false; // the last scrolling went down
  private top = 0; // where the list was scrolled to last
  private unseen = 0;
  private gone = 0;
  private older = 0; // lines that somebody has scrolled up for
  private asking = false;
  private begins = false; // nothing is before the oldest line
  private filter = new Filter("");
  private readonly marks = new Marks();
  private readonly hits = el("hits");

  constructor(private readonly session: Session) {
    this.list.addEventListener("scroll", () => this.scrolled(), { passive: true });
    for (const kind of ["touchstart", "touchend", "touchcancel"] as const)
      this.list.addEventListener(kind, (e) => this.fingers(e.touches.length), { passive: true });
    this.list.addEventListener("wheel", (e) => e.deltaY < 0 && this.hold(), { passive: true });
    this.list.addEventListener("keydown", (e) => ["ArrowUp", "PageUp", "Home"].includes(e.key) && this.hold());
    this.field.addEventListener("input", () => this.refilter());
    this.pause.addEventListener("click", () => this.setPaused(!this.paused));
    this.newest.addEventListener("click", () => this.setPaused(false));
  }

  add(lines: Line[], skipped = 0): void {
    const batch = document.createDocumentFragment();
    if (skipped > 0) batch.append(this.row({ kind: "note", text: `${skipped} lines came too fast for this connection and were left out` }));
    for (const line of lines) batch.append(this.row(line));
    const shown = batch.querySelectorAll(".row:not([hidden])").length;
    this.list.append(batch);
    this.trim();
    if (this.following) this.toEnd();
    else this.count(shown);
    this.tellEmpty();
  }

  clear(): void {
    this.list.replaceChildren();
    this.gone = this.older = 0;
    this.begins = false;
  }

  // trim lets the oldest lines go, says so in their place, and leaves what is being read where it is.
  private trim(): void {
    const over = this.list.childElementCount - (this.gone > 0 ? 1 : 0) - (this.following ? keep : 2 * keep + this.older);
    if (over <= 0) return;
    const height = this.list.scrollHeight;
    for (let i = this.gone > 0 ? -1 : 0; i < over; i++) this.list.firstElementChild?.remove();
    this.gone += over;
    this.begins = false;
    if (this.following) this.older = 0;
    const note = this.row({ kind: "note", text: `${this.gone} older lines are no longer kept here` });
    note.classList.add("gone");
    this.list.prepend(note);
    if (this.following) return;
    this.list.scrollTop -= height - this.list.scrollHeight;
    this.top = this.list.scrollTop;
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
    if (line.at) row.dataset["at"] = line.at;
    if (!row.hidden) this.marks.mark(row, this.filter);
    return row;
  }

  private matches(row: HTMLElement): boolean {
    return row.classList.contains("note") || this.filter.matches(row.dataset["text"] ?? "");
  }

  private refilter(): void {
    this.filter = new Filter(this.field.value);
    this.marks.clear();
    for (const row of this.list.children as HTMLCollectionOf<HTMLElement>) {
      row.hidden = !this.matches(row);
      if (!row.hidden) this.marks.mark(row, this.filter);
    }
    this.tellEmpty();
    if (this.following) this.toEnd();
  }

  private tellEmpty(): void {
    const any = this.list.querySelector(".row:not([hidden], .gone)") !== null;
    this.nomatch.hidden = any;
    this.hits.hidden = this.filter.empty;
    if (!this.filter.empty) this.hits.textContent = String(this.list.querySelectorAll(".row:not([hidden], .note)").length);
    this.nomatch.textContent = this.field.value ? "No line matches the filter." : "Nothing has been logged yet.";
  }

  // hold stops the following at once: lines that come must not pull away what somebody is about to read.
  private hold(): void {
    if (this.list.scrollHeight <= this.list.clientHeight) return;
    this.following = false;
    this.tellNewest();
  }

  private fingers(n: number): void {
    const lifted = this.touched && n === 0;
    this.touched = n > 0;
    if (lifted && this.down && this.atEnd) this.following = !this.paused;
    if (!this.touched) return this.tellNewest();
    this.down = false;
    this.hold();
  }

  private get atEnd(): boolean {
    return this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 40;
  }

  // scrolled takes the following up again when somebody has scrolled down to the end. What is at the end because nobody has
  // moved it, or only a little up, stays where it is.
  private scrolled(): void {
    const moved = this.list.scrollTop - this.top;
    this.top = this.list.scrollTop;
    if (moved !== 0) this.down = moved > 0;
    if (moved > 0 && this.atEnd && !this.touched) this.following = !this.paused;
    if (moved < 0 && !this.atEnd) this.following = false;
    if (!this.following && this.top < 400) void this.scrolledUp();
    this.tellNewest();
  }

  // scrolledUp asks for what stands before the oldest line, and leaves what is being read where it is.
  private async scrolledUp(): Promise<void> {
    const oldest = this.list.querySelector<HTMLElement>(".row[data-at]");
    const before = oldest?.dataset["at"];
    if (!oldest || !before || this.asking || this.begins || this.older >= most) return;
    this.asking = true;
    try {
      const found = await earlier(this.session, before);
      if (oldest.isConnected) this.prepend(oldest, found.lines, found.start ?? false);
    } catch {
      this.top = this.list.scrollTop; // whoever scrolls on asks again
    }
    this.asking = false;
  }

  private prepend(oldest: HTMLElement, lines: Line[], begins: boolean): void {
    const batch = document.createDocumentFragment();
    if (begins) batch.append(this.row({ kind: "note", text: "The log begins here" }));
    for (const line of lines) batch.append(this.row(line));
    const height = this.list.scrollHeight, top = this.list.scrollTop;
    this.list.querySelector(".row.gone")?.remove();
    this.gone = 0;
    this.begins = begins;
    this.older += lines.length;
    this.list.insertBefore(batch, oldest);
    this.list.scrollTop = top + this.list.scrollHeight - height;
    this.top = this.list.scrollTop;
    this.tellEmpty();
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
    if (this.following) this.unseen = 0;
    this.newest.hidden = this.following;
    this.newest.textContent = this.unseen > 0 ? `↓ ${this.unseen} new` : "↓ Newest";
  }

  private toEnd(): void {
    this.unseen = 0;
    this.list.scrollTop = this.list.scrollHeight;
    this.top = this.list.scrollTop;
  }
}
