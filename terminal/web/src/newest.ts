import { el } from "./dom";
import { comparable } from "./first";
import type { Line } from "./protocol";

// Newest is the button that leads to the newest lines, with the count of those that came since they were followed last. Where the
// count is not known, because some were left out, it says that there are more.
export class Newest {
  readonly button = el<HTMLButtonElement>("newest");
  private n = 0;
  private more = false;
  private seen = ""; // the time up to which what comes now has been there before
  private joins = false; // the next line tells whether any are missing between those and what comes now

  // count is given lines as they came, as they are drawn, and how many of those were in sight before.
  count(lines: Array<Line | number>, batch: ParentNode, before: number): void {
    const rows = [...batch.querySelectorAll<HTMLElement>(".row[data-at]:not(.note)")], time = (row: HTMLElement): string => comparable(row.dataset["at"] ?? "");
    if (lines.some((l) => typeof l === "number")) this.more = true;
    if (this.joins && rows[0]) {
      this.more ||= time(rows[0]) > this.seen;
      this.joins = false;
    }
    this.n += Math.max(0, rows.filter((row) => !row.hidden && time(row) > this.seen).length - before);
  }

  // again says that lines will come once more that were here before, the last of them at a time.
  again(at: string): void {
    this.seen = comparable(at);
    this.joins = true;
  }

  // uncounted says that others have come that nobody has counted.
  uncounted(): void {
    this.more = true;
  }

  seenAll(): void {
    this.n = 0;
    this.more = false;
  }

  show(following: boolean): void {
    if (following) this.seenAll();
    this.button.hidden = following;
    this.button.textContent = this.n > 0 ? `↓ ${this.n}${this.more ? "+" : ""} new` : this.more ? "↓ New lines" : "↓ Newest";
  }
}
