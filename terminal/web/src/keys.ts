import { el, recall, remember } from "./dom";

// What a key stands for: characters, a cursor key by its letter ("A"), or one that is named by a number ("5~").
type Key = [label: string, hint: string, send: string, kind?: "cursor" | "ctrl" | "alt" | "compose" | "paste" | "snippets"];

// Keys that an on-screen keyboard lacks, two by two: on a phone each pair is a column. The first stays where it is when the rest is
// scrolled.
const keys: Key[] = [
  ["^C", "Control C", "\x03"], ["✎", "Compose", "", "compose"],
  ["esc", "Esc", "\x1b"], ["tab", "Tab", "\t"],
  ["ctrl", "Ctrl", "", "ctrl"], ["alt", "Alt", "", "alt"],
  ["↑", "Up", "A", "cursor"], ["↓", "Down", "B", "cursor"],
  ["←", "Left", "D", "cursor"], ["→", "Right", "C", "cursor"],
  ["paste", "Paste", "", "paste"], ["snip", "Snip, snippets", "", "snippets"],
  ["home", "Home", "H", "cursor"], ["end", "End", "F", "cursor"],
  ["pgup", "PgUp", "5~", "cursor"], ["pgdn", "PgDn", "6~", "cursor"],
  ["|", "Pipe", "|"], ["/", "Slash", "/"],
  ["-", "Dash", "-"], ["~", "Tilde", "~"],
  ["^D", "Control D", "\x04"], ["^R", "Control R", "\x12"],
  ["^Z", "Control Z", "\x1a"], ["^L", "Control L", "\x0c"],
];

const long = 400; // ms, after which a key is held
const again = 70; // ms between repeats

export interface Board {
  send(data: string): void;
  applicationCursor(): boolean; // the program wants the other form of the cursor keys
  compose(): void;
  paste(): void;
  snippets(): void;
  modified(): void; // the next key is to come from the keyboard itself
}

const kept = "snapback.keys";

// Keys is the row of keys. Ctrl and Alt are for the next key, or for all that come when they were held: then they stay so over a reload.
export class Keys {
  private readonly down = { ctrl: "" as "" | "once" | "locked", alt: "" as "" | "once" | "locked" };
  private readonly buttons: Partial<Record<"ctrl" | "alt", HTMLButtonElement>> = {};
  private timer = 0;
  private held = false;

  constructor(
    private readonly session: string,
    private readonly board: Board,
  ) {
    for (const [i, key] of keys.entries()) el(i < 2 ? "firm" : "more").append(this.button(key));
    el("keys").addEventListener("contextmenu", (e) => e.preventDefault()); // a key that is held is no menu
    const [of, ...locked] = (recall("session", kept) ?? "").split(" ");
    for (const which of ["ctrl", "alt"] as const) if (of === session && locked.includes(which)) this.show(which, "locked");
  }

  // typed turns what the keyboard sent into what is meant.
  typed(data: string): string {
    const meant = modified(data, this.down.ctrl !== "", this.down.alt !== "");
    if (meant === null) return data;
    for (const which of ["ctrl", "alt"] as const) if (this.down[which] === "once") this.set(which, "");
    return meant;
  }

  private button(key: Key): HTMLButtonElement {
    const [label, hint, , kind] = key;
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = label;
    b.setAttribute("aria-label", hint);
    if (kind === "compose" || kind === "snippets") {
      b.id = `${kind}-key`;
      b.setAttribute("aria-expanded", "false");
    }
    if (kind === "ctrl" || kind === "alt") {
      this.buttons[kind] = b;
      b.setAttribute("aria-pressed", "false");
    }
    // The focus stays where it is, or the on-screen keyboard would fold away at every key.
    b.addEventListener("mousedown", (e) => e.preventDefault());
    b.addEventListener("pointerdown", (e) => (e.preventDefault(), this.touched(key)));
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) b.addEventListener(end, () => clearTimeout(this.timer));
    b.addEventListener("click", () => (this.held ? (this.held = false) : this.act(key)));
    return b;
  }

  // touched waits for what becomes of a touch: one that is held repeats a cursor key, and locks Ctrl and Alt.
  private touched(key: Key): void {
    const kind = key[3];
    clearTimeout(this.timer);
    this.held = false;
    if (kind !== "cursor" && kind !== "ctrl" && kind !== "alt") return;
    const hold = (): void => {
      this.held = true;
      if (kind !== "cursor") return this.set(kind, "locked");
      this.act(key);
      this.timer = window.setTimeout(hold, again);
    };
    this.timer = window.setTimeout(hold, long);
  }

  private act([, , send, kind]: Key): void {
    if (kind === "compose" || kind === "paste" || kind === "snippets") return this.board[kind]();
    if (kind === "ctrl" || kind === "alt") return this.set(kind, this.down[kind] ? "" : "once");
    this.board.send(this.typed(kind === "cursor" ? this.cursor(send) : send));
  }

  private cursor(key: string): string {
    return (this.board.applicationCursor() && key.length === 1 ? "\x1bO" : "\x1b[") + key;
  }

  private set(which: "ctrl" | "alt", to: "" | "once" | "locked"): void {
    this.show(which, to);
    remember("session", kept, [this.session, ...(["ctrl", "alt"] as const).filter((w) => this.down[w] === "locked")].join(" "));
    if (to) this.board.modified();
  }

  private show(which: "ctrl" | "alt", to: "" | "once" | "locked"): void {
    this.down[which] = to;
    const b = this.buttons[which], name = which === "ctrl" ? "Ctrl" : "Alt";
    b?.setAttribute("aria-pressed", String(to !== ""));
    b?.setAttribute("aria-label", to === "locked" ? `${name}, locked` : to ? `${name}, for the next key` : name);
    b?.classList.toggle("locked", to === "locked");
  }
}

// modified is a key with Ctrl or Alt held, in xterm's way of saying that. Null: they mean nothing to it, as to a whole word.
function modified(data: string, ctrl: boolean, alt: boolean): string | null {
  if (!ctrl && !alt) return null;
  const key = /^\x1b[[O](?:(\d+)~|([A-DFH]))$/.exec(data);
  const mods = 1 + (alt ? 2 : 0) + (ctrl ? 4 : 0);
  if (key) return key[1] ? `\x1b[${key[1]};${mods}~` : `\x1b[1;${mods}${key[2]}`;
  if ([...data].length !== 1) return null;
  return (alt ? "\x1b" : "") + (ctrl ? control(data) : data);
}

function control(key: string): string {
  const code = key.toUpperCase().charCodeAt(0);
  if (key === " ") return "\x00";
  return code >= 63 && code <= 95 ? String.fromCharCode(code === 63 ? 127 : code & 31) : key;
}
