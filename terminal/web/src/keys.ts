import { el } from "./dom";

// Keys that an on-screen keyboard lacks. Ctrl and Alt stay down for the next key.
const keys: Array<[label: string, send: string | null, hint: string]> = [
  ["esc", "\x1b", "Esc"],
  ["tab", "\t", "Tab"],
  ["ctrl", null, "Ctrl, for the next key"],
  ["^C", "\x03", "Control C"],
  ["↑", "\x1b[A", "Up"],
  ["↓", "\x1b[B", "Down"],
  ["←", "\x1b[D", "Left"],
  ["→", "\x1b[C", "Right"],
  ["|", "|", "Pipe"],
  ["/", "/", "Slash"],
  ["-", "-", "Dash"],
  ["~", "~", "Tilde"],
  ["^D", "\x04", "Control D"],
  ["^R", "\x12", "Control R"],
  ["^Z", "\x1a", "Control Z"],
];

export class Keys {
  private ctrl = false;
  private ctrlKey: HTMLButtonElement | null = null;

  // appCursor says whether the program wants the other form of the arrow keys.
  constructor(
    private readonly send: (data: string) => void,
    private readonly appCursor: () => boolean,
  ) {
    const row = el("keys");
    for (const [label, data, hint] of keys) row.append(this.button(label, data, hint));
  }

  // typed turns what the keyboard sent into what is meant.
  typed(data: string): string {
    if (!this.ctrl || data.length !== 1) return data;
    this.setCtrl(false);
    const code = data.toUpperCase().charCodeAt(0);
    return code >= 63 && code <= 95 ? String.fromCharCode(code === 63 ? 127 : code & 31) : data === " " ? "\x00" : data;
  }

  private button(label: string, data: string | null, hint: string): HTMLButtonElement {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = label;
    b.setAttribute("aria-label", hint);
    if (data === null) {
      this.ctrlKey = b;
      b.setAttribute("aria-pressed", "false");
    }
    // The focus stays where it is, or the on-screen keyboard would fold away at every key.
    b.addEventListener("pointerdown", (e) => e.preventDefault());
    b.addEventListener("mousedown", (e) => e.preventDefault());
    b.addEventListener("click", () => (data === null ? this.setCtrl(!this.ctrl) : this.send(this.arrow(data))));
    return b;
  }

  private arrow(data: string): string {
    return this.appCursor() && /^\x1b\[[A-D]$/.test(data) ? data.replace("[", "O") : data;
  }

  private setCtrl(down: boolean): void {
    this.ctrl = down;
    this.ctrlKey?.setAttribute("aria-pressed", String(down));
  }
}
