import type { Line } from "./protocol";

const most = 3000; // lines that wait to be drawn; what comes beyond is counted instead
const once = 600; // lines that are drawn at once
const soon = 30; // ms

// Queue hands lines on to be drawn, as many at once as the page can draw without standing still. Of a log that is faster than that the
// oldest that wait are left out, and counted in their place: a number among the lines.
export class Queue {
  private waiting: Array<Line | number> = [];
  private timer = 0;
  private took = 0; // ms, the last time

  constructor(private readonly draw: (lines: Array<Line | number>) => void) {}

  add(lines: Line[], skipped: number): void {
    if (skipped > 0) this.waiting.push(skipped);
    this.waiting.push(...lines);
    const over = this.waiting.length - most;
    if (over > 0) {
      const gone = this.waiting.splice(0, over).reduce<number>((n, w) => n + (typeof w === "number" ? w : 1), 0);
      this.waiting.unshift(gone);
    }
    this.later();
  }

  private later(): void {
    this.timer ||= window.setTimeout(() => this.flush(), Math.max(soon, 2 * this.took));
  }

  clear(): void {
    this.waiting = [];
  }

  private flush(): void {
    const began = performance.now(), lines = this.waiting.splice(0, once);
    this.timer = 0;
    if (lines.length > 0) this.draw(lines);
    this.took = Math.min(1000, performance.now() - began);
    if (this.waiting.length > 0) this.later();
  }
}
