import { FitAddon } from "@xterm/addon-fit";
import { Terminal, type ITheme } from "@xterm/xterm";
import { Compose, longest } from "./compose";
import { el } from "./dom";
import { Keys } from "./keys";
import type { Output, Place } from "./protocol";
import { Raw } from "./raw";
import { Reader } from "./reader";
import { Snippets } from "./snippets";
import { Touch } from "./touch";

export interface ShellWire {
  input(text: string, hidden: boolean): boolean; // false: it was not taken
  answer(text: string, place: Place): void; // of the emulator's own, to a question that a program has asked there
  resize(cols: number, rows: number): void;
  size(step: number): void; // of the text, by two fingers
  tell(text: string): void;
}

const open = "\x1b[200~";
const least = 8; // px, of letters that are made smaller to show a screen of another size
const shut = "\x1b[201~";

// harmless takes out what would end a paste within, and be keys from there on: text that was copied from anywhere must not type.
function harmless(text: string): string {
  return text.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]/g, "");
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
  private readonly compose: Compose;
  private readonly snippets: Snippets;
  private raw: Raw | null = null;
  private opened = false;
  private fitted = false; // there has been a screen to measure
  private unread = 0; // pieces of history
  private pieces: Output[] = []; // that the emulator has not read yet
  private read: Place = { epoch: "", at: 0 }; // where it has come to
  private theirs: { cols: number; rows: number } | null = null; // the size of the screen is another page's
  private chosen = false; // somebody has set the size of the letters since

  constructor(
    private readonly wire: ShellWire,
    session: string,
    private fontSize: number,
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
    const keys = new Keys(session, {
      send: (data) => this.key(data),
      applicationCursor: () => this.term.modes.applicationCursorKeysMode,
      compose: () => this.compose.toggle(),
      paste: () => void this.pasteClipboard(),
      snippets: () => this.snippets.toggle(),
      modified: () => this.compose.open && this.term.focus(),
    });
    this.compose = new Compose(session, { send: (text, enter, hidden) => this.paste(text, enter, hidden), asksForPassword: () => this.asksForPassword(), raw: () => this.term.focus() });
    this.snippets = new Snippets({ send: (text) => this.paste(text, false, false), tell: (text) => wire.tell(text), left: () => this.focus() });
    this.term.onWriteParsed(() => (this.compose.look(), this.keepInSight()));
    // A report of the emulator's own comes without its mark of a user's doing. Only the newest output is answered.
    let typed = false;
    userInput(this.term)(() => (typed = true));
    this.term.onData((data) => {
      if (typed) this.typed(data, keys.typed(data));
      else if (this.unread === 0) wire.answer(data, this.pieces[0] ?? this.read);
      typed = false;
    });
    this.term.onResize(({ cols, rows }) => this.theirs || wire.resize(cols, rows));
    this.term.onTitleChange((title) => this.setTitle(title));
    new Touch(this.box, this.term, { send: (data) => this.send(data), size: (step) => wire.size(step) });
  }

  // size is null until there has been a screen to measure: a program that runs already must not be squeezed into another meanwhile.
  get size(): { cols: number; rows: number } | null {
    return this.fitted ? { cols: this.term.cols, rows: this.term.rows } : null;
  }

  // shown is called when the tab is, since what is hidden can't be measured.
  shown(): void {
    if (!this.opened) {
      this.term.open(this.box);
      this.raw = new Raw(this.term, this.box);
      this.opened = true;
    }
    this.refit();
  }

  refit(): void {
    if (!this.opened || this.box.clientHeight === 0) return;
    this.fitted = true;
    if (this.theirs) return this.refitAs(this.theirs);
    this.term.options.fontSize = this.fontSize;
    this.fit.fit();
  }

  // showAs shows a screen of another page's size, whose keyboard it is; null: of this one's. Nobody's own keyboard opens for it.
  showAs(size: { cols: number; rows: number } | null): void {
    if (!size || !this.theirs) this.chosen = false;
    this.theirs = size;
    if (this.term.textarea) this.term.textarea.inputMode = size ? "none" : "text";
    this.box.classList.toggle("theirs", size !== null);
    this.refit();
  }

  // refitAs makes the letters smaller for lines that have no room. What has none then, and lines below, are scrolled to.
  private refitAs({ cols, rows }: { cols: number; rows: number }): void {
    this.term.options.fontSize = this.fontSize;
    const room = this.fit.proposeDimensions();
    const part = room ? Math.min(1, room.cols / cols) : 1;
    if (!this.chosen) this.term.options.fontSize = Math.max(Math.min(least, this.fontSize), Math.floor(this.fontSize * part));
    if (this.term.cols !== cols || this.term.rows !== rows) this.term.resize(cols, rows);
    this.keepInSight();
  }

  // keepInSight scrolls to the line that the cursor is on, where a screen of another page's size has more than there is room for.
  private keepInSight(): void {
    if (!this.theirs || this.box.scrollHeight <= this.box.clientHeight) return;
    const line = (this.box.querySelector(".xterm-screen")?.clientHeight ?? 0) / this.term.rows, y = this.term.buffer.active.cursorY;
    this.box.scrollTop = Math.min(Math.max(this.box.scrollTop, (y + 2) * line - this.box.clientHeight), y * line);
  }

  focus(): void {
    if (this.compose.open) this.compose.focus();
    else this.term.focus();
  }

  blur(): void {
    this.term.blur();
  }

  // write shows output. The emulator reads it later, piece by piece; until all history is read, it answers nothing: those
  // questions were answered when they were asked, and whatever runs now would take a second answer for input.
  write(piece: Output): void {
    if (piece.history) this.unread++;
    this.pieces.push(piece);
    this.term.write(piece.bytes, () => this.hasRead(piece));
  }

  private hasRead(piece: Output): void {
    if (piece.history) this.unread--;
    this.pieces.shift();
    this.read = { epoch: piece.epoch, at: piece.at + piece.bytes.length };
  }

  // reset stands in the line of what is to be shown: output from before must not come after it.
  reset(): void {
    this.term.write("\x1b\\\x1bc");
    this.setTitle("");
  }

  setFontSize(px: number): void {
    this.chosen = this.theirs !== null;
    this.fontSize = px;
    this.refit();
  }

  // typed is what came from the keyboard, and what is meant by it.
  private typed(data: string, meant: string): void {
    this.send(data.startsWith(open) && data.endsWith(shut) ? open + harmless(data.slice(open.length, -shut.length)) + shut : meant);
    if (meant !== data) this.raw?.forget();
  }

  private key(data: string, hidden = false): boolean {
    this.raw?.forget();
    this.term.scrollToBottom();
    return this.send(data, hidden);
  }

  // paste is one paste to a program that knows what that is. To another, a new line is the key Enter.
  private paste(text: string, enter: boolean, hidden: boolean): boolean {
    const lines = harmless(text.replace(/\r?\n/g, "\r"));
    const whole = this.term.modes.bracketedPasteMode && lines !== "";
    return this.key((whole ? open + lines + shut : lines) + (enter ? "\r" : ""), hidden);
  }

  // pasteClipboard writes what was copied, without an Enter behind it. Several lines would be as many Enters to a program that takes no whole
  // pastes: those, and what the browser gives to nobody but a hand, go into the compose line first.
  private async pasteClipboard(): Promise<void> {
    const text = await copied();
    if (text === null) return this.composed("", "This browser lets no page read the clipboard. Hold the field, and choose Paste.");
    if (text === "") return this.wire.tell("There is no text in the clipboard.");
    if (text.includes("\n") && !this.term.modes.bracketedPasteMode) return this.composed(text, "Several lines: look at them, then Send.");
    if (text.length > longest) return this.wire.tell(`Not sent: ${text.length} characters are too many at once, ${longest} at most.`);
    if (!this.paste(text, false, false)) this.wire.tell("Not sent: too much waits for the bot already.");
  }

  private composed(text: string, words: string): void {
    this.compose.write(text);
    this.wire.tell(words);
  }

  private send(data: string, hidden = false): boolean {
    return data === "" || this.wire.input(data, hidden || this.asksForPassword());
  }

  // asksForPassword goes by the line that the cursor is on, which may have several rows.
  private asksForPassword(): boolean {
    const screen = this.term.buffer.active;
    let y = screen.baseY + screen.cursorY, line = "";
    for (let rows = 0; rows < 10; rows++, y--) {
      const row = screen.getLine(y);
      line = (row?.translateToString(rows === 0) ?? "") + line;
      if (!row?.isWrapped) break;
    }
    return /(pass(word|phrase|code)|\bpin\b|secret|token).*:\s*$/i.test(line);
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

// copied is the clipboard's text without the new lines at its end; null: the browser does not give it.
async function copied(): Promise<string | null> {
  try {
    return (await navigator.clipboard.readText()).replace(/[\r\n]+$/, "").replace(/\r\n?/g, "\n");
  } catch {
    return null; // refused, or there is none where the page is not secure
  }
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
