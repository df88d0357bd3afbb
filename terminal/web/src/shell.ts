import { FitAddon } from "@xterm/addon-fit";
import { Terminal, type ITheme } from "@xterm/xterm";
import { el } from "./dom";
import { Keys } from "./keys";
import { Reader } from "./reader";

export interface ShellWire {
  input(text: string, hidden: boolean): void;
  answer(text: string): void; // of the emulator's own, to a program's question
  resize(cols: number, rows: number): void;
}

const light = matchMedia("(prefers-color-scheme: light)");

function theme(light: boolean): ITheme {
  if (!light) return { background: "#0b0f14", foreground: "#d7dee7", cursor: "#5eead4", cursorAccent: "#0b0f14", selectionBackground: "#2b4a57" };
  return { background: "#f6f8f8", foreground: "#1b2529", cursor: "#0b6e63", cursorAccent: "#f6f8f8", selectionBackground: "#b9dcd7" };
}

// Shell is the terminal emulator. What it shows comes from a container that may be hostile: nothing that it is told can
// read or write the clipboard, open anything but http(s) links, resize or move windows, or set markup.
export class Shell {
  private readonly term: Terminal;
  private readonly fit = new FitAddon();
  private readonly box = el("term");
  private opened = false;
  private unread = 0; // pieces of history

  constructor(
    private readonly wire: ShellWire,
    fontSize: number,
  ) {
    const reader = new Reader((on) => (this.term.options.screenReaderMode = on));
    this.term = new Terminal({
      screenReaderMode: reader.on,
      fontSize,
      fontFamily: 'ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace',
      cursorBlink: true,
      scrollback: 5000,
      macOptionIsMeta: true,
      linkHandler: { activate: (_event, uri) => openLink(uri), allowNonHttpProtocols: false },
      minimumContrastRatio: 4.5, // of whatever colours a program chooses
      theme: theme(light.matches),
    });
    light.addEventListener("change", () => (this.term.options.theme = theme(light.matches)));
    this.term.loadAddon(this.fit);
    this.term.parser.registerOscHandler(52, () => true); // the clipboard: swallowed
    const keys = new Keys((data) => this.send(data), () => this.term.modes.applicationCursorKeysMode);
    // A report of the emulator's own comes without its mark of a user's doing. Only the newest output is answered.
    let typed = false;
    userInput(this.term)(() => (typed = true));
    this.term.onData((data) => {
      if (typed) this.send(keys.typed(data));
      else if (this.unread === 0) wire.answer(data);
      typed = false;
    });
    this.term.onResize(({ cols, rows }) => wire.resize(cols, rows));
    this.term.onTitleChange((title) => this.setTitle(title));
    touchScrolling(this.box, this.term, (data) => this.send(data));
  }

  get size(): { cols: number; rows: number } {
    return { cols: this.term.cols, rows: this.term.rows };
  }

  // shown is called when the tab is, since what is hidden can't be measured.
  shown(): void {
    if (!this.opened) {
      this.term.open(this.box);
      this.opened = true;
    }
    this.refit();
  }

  refit(): void {
    if (this.opened && this.box.clientHeight > 0) this.fit.fit();
  }

  focus(): void {
    this.term.focus();
  }

  blur(): void {
    this.term.blur();
  }

  // write shows output. The emulator reads it later, piece by piece; until all history is read, it answers nothing: those
  // questions were answered when they were asked, and whatever runs now would take a second answer for input.
  write(bytes: Uint8Array, history: boolean): void {
    if (history) this.unread++;
    this.term.write(bytes, () => history && this.unread--);
  }

  // reset stands in the line of what is to be shown: output from before must not come after it.
  reset(): void {
    this.term.write("\x1b\\\x1bc");
    this.setTitle("");
  }

  setFontSize(px: number): void {
    this.term.options.fontSize = px;
    this.refit();
  }

  private send(data: string): void {
    if (data) this.wire.input(data, this.asksForPassword());
  }

  // asksForPassword goes by the line that the cursor is on.
  private asksForPassword(): boolean {
    const screen = this.term.buffer.active;
    const line = screen.getLine(screen.baseY + screen.cursorY)?.translateToString(true) ?? "";
    return /(pass(word|phrase|code)|\bpin\b|secret|token)[^:]*:\s*$/i.test(line);
  }

  private setTitle(title: string): void {
    const bar = el("title");
    bar.textContent = title.slice(0, 120);
    bar.hidden = title === "";
  }
}

// userInput is what the emulator tells right before data that a person has caused, and not before its own answers. It is not
// in the emulator's public interface, whose version is fixed in package.json; without it, nobody could type.
function userInput(term: Terminal): (listener: () => void) => void {
  const core = (term as unknown as { _core: { coreService: { onUserInput(listener: () => void): void } } })._core.coreService;
  return (listener) => core.onUserInput(listener);
}

function openLink(uri: string): void {
  let url: URL;
  try {
    url = new URL(uri);
  } catch {
    return;
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return;
  if (confirm(`The container's output wants to open:\n\n${url.href}`)) window.open(url.href, "_blank", "noopener,noreferrer");
}

// A finger scrolls the scrollback; in a full-screen program, which has none, it moves the cursor.
function touchScrolling(box: HTMLElement, term: Terminal, send: (data: string) => void): void {
  let y = 0;
  box.addEventListener("touchstart", (e) => { y = e.touches[0]?.clientY ?? 0; }, { passive: true });
  box.addEventListener("touchmove", (e) => {
    const touch = e.touches[0];
    if (!touch || e.touches.length > 1) return;
    e.preventDefault();
    const row = box.clientHeight / Math.max(term.rows, 1);
    const lines = Math.trunc((y - touch.clientY) / row);
    if (lines === 0) return;
    y -= lines * row;
    if (term.buffer.active.type === "alternate") send((lines > 0 ? "\x1b[B" : "\x1b[A").repeat(Math.abs(lines)));
    else term.scrollLines(lines);
  }, { passive: false });
}
