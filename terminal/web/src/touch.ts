import type { Terminal } from "@xterm/xterm";

const far = 10; // px that a finger may tremble
const long = 450; // ms, after which a finger that rests marks a word

const still = matchMedia("(prefers-reduced-motion: reduce)");

export interface Touched {
  send(data: string): void;
  size(step: number): void; // of the text
}

interface Cell {
  col: number;
  row: number; // in all that there is, not on the screen
}

// Touch is what fingers do on the emulator. One scrolls what has gone by, with a swing; in a full-screen program, where nothing has, it
// moves the cursor, and only as far as it goes. Two change the size of the text. One that rests marks a word, and handles move the ends
// of what is marked.
export class Touch {
  private x = 0;
  private y = 0;
  private at = 0; // when the finger moved last
  private speed = 0; // px a ms
  private rest = 0; // of a line, in px
  private moved = false;
  private marking = false;
  private apart = 0; // px between two fingers
  private timer = 0;
  private swing = 0;
  private readonly bar = document.createElement("div");
  private readonly ends = [this.handle("from"), this.handle("to")] as const;

  constructor(
    private readonly box: HTMLElement,
    private readonly term: Terminal,
    private readonly touched: Touched,
  ) {
    const on = (kind: "touchstart" | "touchmove" | "touchend" | "touchcancel", take: (e: TouchEvent) => void): void =>
      box.addEventListener(kind, (e) => !(e.target as Element).closest(".mark-end") && take(e), { passive: false });
    on("touchstart", (e) => this.down(e));
    on("touchmove", (e) => this.move(e));
    on("touchend", (e) => this.up(e));
    on("touchcancel", (e) => this.up(e));
    box.addEventListener("contextmenu", (e) => this.marking && (e.preventDefault(), e.stopPropagation()), true);
    this.dress();
    term.onSelectionChange(() => this.place());
    term.onRender(() => this.place());
  }

  private down(e: TouchEvent): void {
    clearTimeout(this.timer);
    cancelAnimationFrame(this.swing);
    const [one, two] = e.touches;
    if (!one) return;
    if (two) return void (this.apart = between(one, two));
    Object.assign(this, { x: one.clientX, y: one.clientY, at: e.timeStamp, speed: 0, rest: 0, moved: false, marking: false, apart: 0 });
    this.timer = window.setTimeout(() => this.mark(), long);
  }

  private move(e: TouchEvent): void {
    const [one, two] = e.touches;
    if (!one) return;
    e.preventDefault();
    if (two) return this.pinch(between(one, two));
    if (this.apart || this.marking) return;
    if (!this.moved && Math.hypot(one.clientX - this.x, one.clientY - this.y) < far) return;
    clearTimeout(this.timer);
    const up = this.moved ? this.y - one.clientY : 0, took = Math.max(1, e.timeStamp - this.at);
    if (this.moved) this.box.scrollLeft += this.x - one.clientX;
    this.speed = 0.6 * (up / took) + 0.4 * this.speed;
    Object.assign(this, { moved: true, x: one.clientX, y: one.clientY, at: e.timeStamp });
    this.scroll(up);
  }

  private up(e: TouchEvent): void {
    clearTimeout(this.timer);
    if (e.touches.length > 0) return;
    if (this.moved || this.marking || this.apart) e.preventDefault(); // no click comes of it, which would take the mark away
    const late = e.timeStamp - this.at > 60;
    if (this.moved && !this.apart && !late && !still.matches && this.term.buffer.active.type === "normal") this.fling(performance.now());
  }

  private pinch(apart: number): void {
    clearTimeout(this.timer);
    const grown = apart / (this.apart || apart);
    if (!this.apart) this.apart = apart;
    if (grown < 1.2 && grown > 1 / 1.2) return;
    this.apart = apart;
    this.touched.size(grown > 1 ? 1 : -1);
  }

  private scroll(px: number): void {
    const line = this.box.clientHeight / Math.max(this.term.rows, 1);
    const top = this.box.scrollTop; // a screen of another page's size may have more lines than there is room for
    this.box.scrollTop += px;
    this.rest += px - (this.box.scrollTop - top);
    const lines = Math.trunc(this.rest / line);
    if (lines === 0) return;
    this.rest -= lines * line;
    if (this.term.buffer.active.type === "normal") return this.term.scrollLines(lines);
    const arrow = (this.term.modes.applicationCursorKeysMode ? "\x1bO" : "\x1b[") + (lines > 0 ? "B" : "A");
    this.touched.send(arrow.repeat(Math.abs(lines)));
  }

  private fling(before: number): void {
    this.swing = requestAnimationFrame((now) => {
      const took = Math.min(64, Math.max(0, now - before));
      this.speed *= 0.996 ** took;
      this.scroll(this.speed * took);
      if (Math.abs(this.speed) > 0.05) this.fling(now);
    });
  }

  private cell(x: number, y: number): Cell {
    const r = this.screen(), { cols, rows } = this.term;
    const within = (n: number, most: number): number => Math.max(0, Math.min(most - 1, Math.floor(n)));
    return { col: within(((x - r.left) / r.width) * cols, cols), row: within(((y - r.top) / r.height) * rows, rows) + this.term.buffer.active.viewportY };
  }

  private screen(): DOMRect {
    return (this.box.querySelector(".xterm-screen") ?? this.box).getBoundingClientRect();
  }

  // mark takes the word under the finger, or the one character that is there.
  private mark(): void {
    const { col, row } = this.cell(this.x, this.y), text = this.term.buffer.active.getLine(row)?.translateToString() ?? "";
    let from = col, to = col + 1;
    if (/\S/.test(text[col] ?? "")) {
      while (from > 0 && /\S/.test(text[from - 1] ?? "")) from--;
      while (to < text.length && /\S/.test(text[to] ?? "")) to++;
    }
    this.marking = true;
    this.term.select(from, row, to - from);
    this.place(); // the emulator does not tell of a mark that is where the last one was
    navigator.vibrate?.(10);
  }

  private handle(which: "from" | "to"): HTMLElement {
    const end = document.createElement("div");
    end.className = `mark-end ${which}`;
    end.hidden = true;
    let fixed: Cell | null = null;
    end.addEventListener("touchstart", (e) => {
      e.preventDefault();
      const p = this.term.getSelectionPosition();
      if (p) fixed = which === "from" ? { col: p.end.x - 1, row: p.end.y } : { col: p.start.x, row: p.start.y };
    }, { passive: false });
    end.addEventListener("touchmove", (e) => {
      const one = e.touches[0];
      if (one && fixed) this.stretch(fixed, this.cell(one.clientX, one.clientY - end.offsetHeight / 2));
      e.preventDefault();
    }, { passive: false });
    return end;
  }

  private stretch(a: Cell, b: Cell): void {
    const { cols } = this.term, [from, to] = [a.row * cols + a.col, b.row * cols + b.col].sort((x, y) => x - y) as [number, number];
    this.term.select(from % cols, Math.floor(from / cols), to - from + 1);
  }

  private dress(): void {
    this.bar.className = "mark-bar";
    this.bar.hidden = true;
    this.bar.setAttribute("role", "toolbar");
    this.bar.setAttribute("aria-label", "What is marked");
    const act = (text: string, label: string, does: () => void): HTMLButtonElement => {
      const b = document.createElement("button");
      b.type = "button";
      b.textContent = text;
      b.setAttribute("aria-label", label);
      b.addEventListener("mousedown", (e) => e.preventDefault());
      b.addEventListener("click", does);
      return b;
    };
    this.bar.append(act("Copy", "Copy", () => void this.copy()), act("✕", "Close", () => this.term.clearSelection()));
    this.box.append(...this.ends, this.bar);
    for (const kind of ["touchstart", "touchend"] as const) this.bar.addEventListener(kind, (e) => e.stopPropagation());
  }

  private async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.term.getSelection());
      this.term.clearSelection();
    } catch {
      (this.bar.firstElementChild as HTMLElement).textContent = "This browser does not let it be copied";
    }
  }

  // place puts the handles where what a finger has marked begins and ends.
  private place(): void {
    const p = this.marking || !this.bar.hidden ? this.term.getSelectionPosition() : undefined;
    this.bar.hidden = !p;
    if (!p) {
      for (const end of this.ends) end.hidden = true;
      return;
    }
    const r = this.screen(), box = this.box.getBoundingClientRect(), top = this.term.buffer.active.viewportY;
    for (const [end, at] of [[this.ends[0], p.start], [this.ends[1], p.end]] as const) {
      const row = at.y - top;
      end.hidden = row < 0 || row >= this.term.rows;
      end.style.left = `${r.left - box.left + (at.x / this.term.cols) * r.width}px`;
      end.style.top = `${Math.min(this.box.clientHeight - 24, r.top - box.top + ((row + 1) / this.term.rows) * r.height)}px`;
    }
  }
}

function between(a: globalThis.Touch, b: globalThis.Touch): number {
  return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
}
