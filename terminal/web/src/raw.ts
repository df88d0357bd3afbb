import type { Terminal } from "@xterm/xterm";
import { el } from "./dom";

const pad = "\n"; // stands in the field always: a keyboard that finds nothing to delete does not say that it was asked to
const most = 200; // characters after which the field is begun anew

const touch = matchMedia("(pointer: coarse)");

// Raw takes what keyboards do that send no keys, but change the emulator's hidden field: on a phone nearly all of them. It goes by
// the field alone, before a change and after, since what their events say differs from one keyboard to the next. What was changed
// behind is taken back with as many deletions, and typed anew: so nothing comes twice, and nothing is lost.
//
// While a word is composed, a finger's letters are sent as they come: a program that waits for one key must not wait for a whole
// word. Others wait until the word is chosen.
export class Raw {
  private readonly field: HTMLTextAreaElement;
  private readonly shown = el("preedit");
  private was = pad; // the field, as far as it was sent
  private floor = pad.length; // what stands before has done its work: it can't be changed any more
  private keyed = false; // the emulator has taken the key that is down: what the field makes of it comes twice
  private composing = false;

  constructor(
    private readonly term: Terminal,
    box: HTMLElement,
  ) {
    this.field = term.textarea as HTMLTextAreaElement;
    const before = (kind: string, take: () => void): void => box.addEventListener(kind, (e) => e.target === this.field && (e.stopPropagation(), take()), true);
    // The emulator has read a paste already; and what is dropped, or undone in a field that nobody sees, was not typed.
    box.addEventListener("paste", (e) => e.preventDefault(), true);
    box.addEventListener("beforeinput", (e) => /^(insertFromPaste|insertFromDrop|history)/.test((e as InputEvent).inputType) && e.preventDefault(), true);
    before("beforeinput", () => this.beforeInput());
    before("input", () => this.changed());
    before("compositionstart", () => this.compose(true));
    before("compositionupdate", () => undefined);
    before("compositionend", () => this.compose(false));
    for (const kind of ["keydown", "keyup"]) box.addEventListener(kind, () => (this.keyed = false), true);
    term.attachCustomKeyEventHandler((e) => e.keyCode !== 229 && !e.isComposing);
    term.onKey(() => {
      this.keyed = true;
      this.forget();
    });
    this.field.addEventListener("focus", () => this.forget());
  }

  // forget is called when what was typed so far has done its work, as before an Enter.
  forget(): void {
    if (this.composing) return void (this.floor = this.was.length);
    this.was = this.field.value = pad;
    this.floor = pad.length;
    this.field.setSelectionRange(pad.length, pad.length);
  }

  private beforeInput(): void {
    if (!this.composing) this.was = this.field.value; // the emulator empties it at times
    this.floor = Math.min(this.floor, this.was.length);
  }

  private compose(on: boolean): void {
    this.composing = on;
    if (on) return this.beforeInput();
    this.show("");
    this.changed();
  }

  private changed(): void {
    const now = this.field.value, was = this.was;
    if (this.keyed) return this.keyedAlready();
    let same = 0;
    while (same < was.length && was[same] === now[same]) same++;
    if (/[\uD800-\uDBFF]/.test(was[same - 1] ?? "")) same--; // a pair stays together
    if (this.composing && !(touch.matches && /^[\x20-\x7e]*$/.test(was.slice(same) + now.slice(same)))) return this.show(now.slice(same));
    this.show("");
    if (now.length > same) same = Math.max(same, Math.min(this.floor, now.length)); // deletions alone may go on before it
    this.was = now;
    this.send([...was.slice(same)].length, now.slice(same));
    if (!this.composing && (!now.startsWith(pad) || now.length > most)) this.forget();
  }

  private keyedAlready(): void {
    this.keyed = false;
    this.forget();
  }

  private send(gone: number, come: string): void {
    if (gone > 0) this.term.input("\x7f".repeat(gone));
    if (come === "") return;
    const enter = come.endsWith("\n"), text = enter ? come.slice(0, -1) : come;
    if (text.includes("\n")) this.term.paste(come); // from the keyboard's own clipboard
    else this.term.input(text + (enter ? "\r" : ""));
    if (enter) this.forget();
  }

  private show(text: string): void {
    this.shown.textContent = text;
    this.shown.hidden = text === "";
  }
}
