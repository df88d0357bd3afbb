import { el, recall, remember } from "./dom";

const key = "snapback.snippets";
const most = 50;
const longest = 1000; // characters

export interface SnippetUser {
  send(text: string): boolean; // false: it can't be taken now, and was not
  tell(text: string): void;
  left(): void; // the focus goes back to the shell
}

// Snippets are lines of one's own that a tap writes into the shell, without Enter. They are kept in this browser alone, as they are.
export class Snippets {
  private readonly box = el("snippets");
  private all = kept() ?? [];
  private lasts = true; // what is put here outlives this page

  constructor(private readonly user: SnippetUser) {
    this.box.addEventListener("keydown", (e) => e.key === "Escape" && (e.preventDefault(), this.shut()));
  }

  toggle(): void {
    if (!this.box.hidden) return this.shut();
    if (this.lasts) this.all = kept() ?? this.all; // another page may have changed them
    this.list();
    this.show(true);
  }

  private show(open: boolean): void {
    this.box.hidden = !open;
    el("snippets-key").setAttribute("aria-expanded", String(open));
  }

  private shut(): void {
    this.show(false);
    this.user.left();
  }

  private list(): void {
    const list = document.createElement("ul"), ends = line("div", "ends"), add = button("New snippet", () => this.edit(this.all.length));
    add.className = "new";
    add.disabled = this.all.length >= most;
    list.append(...this.all.map((text, i) => this.row(text, i)));
    ends.append(add, button("✕", () => this.shut(), "Close"));
    this.box.replaceChildren(...(this.all.length > 0 ? [list] : [note("A snippet is a line that one tap writes. Enter is left to you.")]), ends);
  }

  private row(text: string, i: number): HTMLElement {
    const row = line("li"), send = button(text, () => this.send(text), `Write ${text}`);
    send.className = "send";
    row.append(send, button("✎", () => this.edit(i), `Change ${text}`));
    return row;
  }

  private send(text: string): void {
    if (!this.user.send(text)) return this.user.tell("Not sent: too much waits for the bot already.");
    this.shut();
  }

  // edit changes one, or writes a new one behind the last.
  private edit(i: number): void {
    const form = document.createElement("form"), field = document.createElement("input"), ends = line("div", "ends"), save = button("Save", () => undefined);
    save.type = "submit";
    Object.assign(field, { value: this.all[i] ?? "", maxLength: longest, autocomplete: "off", autocapitalize: "off", spellcheck: false, enterKeyHint: "done" });
    field.setAttribute("aria-label", "Snippet");
    form.addEventListener("submit", (e) => (e.preventDefault(), this.put(i, field.value.trim() === "" ? [] : [field.value])));
    ends.append(save, ...(i < this.all.length ? [button("Remove", () => this.put(i, []))] : []), button("Cancel", () => (this.list(), this.user.left())));
    form.append(field, ends, note("Kept in this browser, readable for whoever has it: no passwords."));
    this.box.replaceChildren(form);
    field.focus();
  }

  // put has others stand in the place of one.
  private put(i: number, others: string[]): void {
    this.all.splice(i, 1, ...others);
    const text = JSON.stringify(this.all);
    remember("local", key, text);
    this.lasts = recall("local", key) === text;
    if (!this.lasts) this.user.tell("This browser keeps nothing: your snippets last as long as this page.");
    this.list();
    this.user.left();
  }
}

// kept leaves out whatever else may stand there. It is null when nothing was ever kept.
function kept(): string[] | null {
  const text = recall("local", key);
  if (text === null) return null;
  try {
    const all: unknown = JSON.parse(text);
    return Array.isArray(all) ? all.filter((text): text is string => typeof text === "string" && text.length <= longest).slice(0, most) : [];
  } catch {
    return [];
  }
}

function line(tag: string, cls = ""): HTMLElement {
  const out = document.createElement(tag);
  out.className = cls;
  return out;
}

function note(text: string): HTMLElement {
  const out = line("p", "fine");
  out.textContent = text;
  return out;
}

// button leaves the focus where it is, or the on-screen keyboard would fold away.
function button(text: string, does: () => void, label = text): HTMLButtonElement {
  const b = document.createElement("button");
  b.type = "button";
  b.textContent = text;
  b.setAttribute("aria-label", label);
  b.addEventListener("mousedown", (e) => e.preventDefault());
  b.addEventListener("click", does);
  return b;
}
