import { el, recall, remember } from "./dom";

const most = 50; // things sent that can be had again
export const longest = 60_000; // characters that go at once

export interface Composer {
  send(text: string, enter: boolean, hidden: boolean): boolean; // false: it can't be taken now, and was not
  asksForPassword(): boolean;
  raw(): void; // the focus goes back to the shell
}

// Compose is a line of text that goes to the shell as a whole. In it a keyboard may do all that it can do in any field: correct,
// swipe, dictate. A draft outlives a reload, in this tab; what was sent can be had again until then. Nothing of what is written
// where a program asks for a password is kept.
export class Compose {
  private readonly form = el<HTMLFormElement>("compose");
  private readonly field = el<HTMLTextAreaElement>("compose-text");
  private readonly enter = el("compose-enter");
  private readonly sent: string[] = [];
  private at = 0; // in what was sent; its length: the draft
  private draft = "";
  private secret = false;

  constructor(
    private readonly session: string,
    private readonly composer: Composer,
  ) {
    this.form.addEventListener("submit", (e) => (e.preventDefault(), this.send()));
    this.field.addEventListener("input", () => this.written());
    this.field.addEventListener("keydown", (e) => this.key(e));
    this.enter.addEventListener("click", () => this.setEnter(!this.withEnter));
    el("compose-back").addEventListener("click", () => this.recall(-1));
    for (const b of this.form.querySelectorAll("button")) b.addEventListener("pointerdown", (e) => e.preventDefault()); // the focus stays
    for (const b of this.form.querySelectorAll("button")) b.addEventListener("mousedown", (e) => e.preventDefault());
    this.setEnter(recall("local", "snapback.enter") !== "off");
    this.begin();
  }

  // begin takes up what a reload has interrupted.
  private begin(): void {
    const [session, open, ...draft] = (recall("session", "snapback.compose") ?? "").split(" ");
    if (session !== this.session) return this.show(false);
    this.field.value = draft.join(" ");
    this.show(open === "open");
    this.written();
  }

  get open(): boolean {
    return !this.form.hidden;
  }

  toggle(): void {
    this.show(!this.open);
    this.keep();
    if (this.open) this.focus();
    else this.composer.raw();
  }

  focus(): void {
    this.field.focus();
  }

  // write opens the line with more text in it.
  write(text: string): void {
    this.field.value += text;
    this.show(true);
    this.written();
    this.focus();
  }

  // look is called when the shell has shown something: it may ask for a password now. What was begun as one stays one, whatever else
  // is shown meanwhile.
  look(): void {
    const secret = (this.open && this.composer.asksForPassword()) || (this.secret && this.field.value !== "");
    if (secret === this.secret) return;
    this.secret = secret;
    this.form.classList.toggle("secret", secret);
    this.field.placeholder = secret ? "Password: not kept" : "Text, then Send";
    this.keep();
  }

  private show(open: boolean): void {
    this.form.hidden = !open;
    document.body.classList.toggle("composing", open);
    el("compose-key").setAttribute("aria-expanded", String(open));
    this.look();
  }

  private get withEnter(): boolean {
    return this.enter.getAttribute("aria-pressed") === "true";
  }

  private setEnter(on: boolean): void {
    this.enter.setAttribute("aria-pressed", String(on));
    remember("local", "snapback.enter", on ? "on" : "off");
  }

  private written(): void {
    this.look();
    this.at = this.sent.length;
    this.draft = this.field.value;
    this.keep();
    this.tell();
  }

  // tell says on the button how much goes: several lines are several commands to a shell that takes no whole pastes.
  private tell(): void {
    const lines = this.field.value.trimEnd().split("\n").length;
    el("compose-send").textContent = lines > 1 ? `Send ${lines}` : "Send";
    el("compose-send").setAttribute("aria-label", lines > 1 ? `Send ${lines} lines` : "Send");
    el("compose-back").hidden = this.sent.length === 0;
  }

  private keep(): void {
    remember("session", "snapback.compose", `${this.session} ${this.open ? "open" : "shut"} ${this.secret ? "" : this.draft}`);
  }

  private key(e: KeyboardEvent): void {
    if (e.isComposing || e.keyCode === 229) return;
    const { value, selectionStart } = this.field;
    if (e.key === "Enter" && !e.shiftKey) this.send();
    else if (e.key === "ArrowUp" && !value.slice(0, selectionStart).includes("\n") && this.sent.length > 0) this.recall(-1);
    else if (e.key === "ArrowDown" && !value.slice(selectionStart).includes("\n") && this.at < this.sent.length) this.recall(1);
    else return;
    e.preventDefault();
  }

  private recall(step: number): void {
    this.at = Math.max(0, Math.min(this.sent.length, this.at + step));
    this.field.value = this.sent[this.at] ?? this.draft;
    this.tell();
    this.field.focus();
  }

  private send(): void {
    const text = this.field.value;
    if (text === "" && !this.withEnter) return;
    this.look();
    if (text.length > longest) return this.say(`Too long to be sent at once: ${text.length} characters, of ${longest} at most`, 5000);
    if (!this.composer.send(text, this.withEnter, this.secret)) return this.say("Not sent: too much waits for the bot already", 5000);
    if (!this.secret && text !== "" && this.sent.at(-1) !== text) this.sent.push(text);
    if (this.sent.length > most) this.sent.shift();
    this.field.value = this.draft = "";
    this.written();
    this.say("Sent", 1000);
  }

  private say(words: string, ms: number): void {
    el("compose-said").textContent = words;
    setTimeout(() => (el("compose-said").textContent = ""), ms);
  }
}
