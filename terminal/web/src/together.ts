import { el } from "./dom";
import type { Crowd, Other, Said, Session, Told } from "./protocol";
import { fresh } from "../../../console/web/src/prove";

export interface Company {
  say(message: Said): boolean;
  watch(run: string): void;
  tell(text: string): void;
  changed(): void; // who has the keyboard, or the size that goes by it
}

type Watched = Extract<Told, { type: "watch" }>;

// Together is who else is at the shell that is shown, who has its keyboard, and what can be done about that; and whose shells there are
// to be watched. The bot alone decides who has the keyboard.
export class Together {
  private watched: Watched | null = null;
  private crowd: Crowd | null = null;
  private others: Other[] = [];
  private mine = false; // what is watched is the same person's
  private runs = false; // there is a shell to look at
  private giving = false; // the names are there to choose from
  private asked = false;
  private drawn = "";

  constructor(
    private readonly session: Session,
    private readonly company: Company,
  ) {}

  get watching(): boolean {
    return this.watched !== null;
  }

  // shows says whether a shell is the one that is watched.
  shows(run: string): boolean {
    return this.watched?.run === run;
  }

  get holds(): boolean {
    return !this.crowd || this.crowd.holder === this.me;
  }

  // size is that of the page that has the keyboard, where another has it.
  get size(): { cols: number; rows: number } | null {
    return this.crowd && !this.holds ? { cols: this.crowd.cols, rows: this.crowd.rows } : null;
  }

  // mayType says whether what is typed here is for the shell, and why not.
  mayType(): boolean {
    if (!this.holds) this.company.tell(`${this.nameOf(this.crowd?.holder)} has the keyboard. ${this.mayTake ? "Take it" : "Ask for it"} to type.`);
    return this.holds;
  }

  watch(w: Watched): void {
    if (!this.watched) this.crowd = null;
    this.watched = w;
    this.mine = this.others.find((o) => o.run === w.run)?.mine ?? this.mine;
    document.body.classList.add("watching");
    this.show();
  }

  unwatch(own: Crowd | undefined): void {
    this.watched = null;
    document.body.classList.remove("watching");
    this.crowded(own);
  }

  offer(others: Other[]): void {
    this.others = others;
    this.show();
  }

  running(is: boolean): void {
    this.runs = is;
    this.show();
  }

  crowded(crowd: Crowd | undefined): void {
    const held = this.holds, had = this.crowd?.holder, before = this.size;
    this.crowd = crowd ?? null;
    if (crowd && had !== undefined && had !== crowd.holder) this.company.tell(this.holds ? "You have the keyboard." : held ? `${this.nameOf(crowd.holder)} has the keyboard now.` : "");
    const asks = this.member(this.me)?.asks ?? false;
    if (this.asked && !asks && !this.holds && had === crowd?.holder) this.company.tell(`${this.nameOf(crowd?.holder)} says: not now.`);
    this.asked = asks;
    this.show();
    if (held !== this.holds || before?.cols !== this.size?.cols || before?.rows !== this.size?.rows) this.company.changed();
  }

  private get me(): number {
    return this.watched?.you ?? 0;
  }

  private member(id: number | undefined): Crowd["members"][number] | undefined {
    return this.crowd?.members.find((m) => m.id === id);
  }

  private nameOf(id: number | undefined): string {
    return this.member(id)?.name ?? "Somebody else";
  }

  private get mayTake(): boolean {
    return this.me === 0 || this.crowd?.free === true || (this.mine && this.crowd?.holder === 0);
  }

  private show(): void {
    this.showOthers();
    const alone = !this.runs || !this.crowd || (this.crowd.members.length < 2 && !this.watched);
    el("crowd").hidden = alone;
    if (alone || !this.crowd) return void (this.drawn = "");
    const words = this.words(this.crowd);
    if (el("crowd-who").textContent !== words) el("crowd-who").textContent = words;
    const acts = this.acts(this.crowd), state = JSON.stringify([this.asking[0]?.id, ...acts.map((b) => [b.textContent, b.dataset["for"]])]);
    if (state !== this.drawn) el("crowd-acts").replaceChildren(...acts); // else a button would go from under a finger
    this.drawn = state;
    el("crowd").classList.toggle("asked", this.holds && this.asking.length > 0);
    el("crowd").classList.toggle("choosing", this.holds && this.asking.length === 0 && this.giving);
  }

  private get asking(): Crowd["members"] {
    return this.crowd?.members.filter((m) => m.asks && m.id !== this.me) ?? [];
  }

  private words(crowd: Crowd): string {
    const [first] = this.asking, watchers = crowd.members.filter((m) => m.id !== crowd.holder).map((m) => (m.id === this.me ? "you" : m.away ? `${m.name} (no contact)` : m.name));
    if (this.holds && first) return `${first.name} asks for the keyboard`;
    const watch = watchers.length > 0 ? ` · ${watchers.join(", ")} ${watchers.length > 1 || watchers[0] === "you" ? "watch" : "watches"}` : "";
    if (this.holds) return this.giving ? "Who types from now on?" : `⌨ You type${watch}`;
    return crowd.free ? `No contact with ${this.nameOf(crowd.holder)}` : `⌨ ${this.nameOf(crowd.holder)} types${watch}`;
  }

  private acts(crowd: Crowd): HTMLButtonElement[] {
    const [first] = this.asking;
    const whom = crowd.members.filter((m) => m.id !== this.me && !m.away);
    if (this.holds && first) return [this.button("Give", () => this.give(first.id), `Give the keyboard to ${first.name}`), this.button("Not now", () => this.company.say({ type: "spare", whom: first.id }))];
    if (this.holds && this.giving) return [...whom.map((m) => this.named(m.id, m.name)), this.button("✕", () => this.choose(false), "Keep the keyboard")];
    const leave = this.watched ? [this.button("Leave", () => this.company.say({ type: "unwatch" }), "Stop watching")] : [];
    if (this.holds) return [...(whom.length > 0 ? [this.button("Hand over", () => this.choose(true), "Hand the keyboard over")] : []), ...leave];
    if (this.mayTake) return [this.button(this.me === 0 ? "Take back" : "Take over", () => this.company.say({ type: "take" }), "Take the keyboard"), ...leave];
    const asks = this.button(this.asked ? "Asked" : "Ask to type", () => this.company.say({ type: "ask" }), this.asked ? "The keyboard was asked for" : "Ask for the keyboard");
    asks.disabled = this.asked;
    return [asks, ...leave];
  }

  private named(id: number, name: string): HTMLButtonElement {
    const b = this.button(name, () => this.give(id), `Give the keyboard to ${name}`);
    b.dataset["for"] = String(id);
    return b;
  }

  private choose(on: boolean): void {
    this.giving = on;
    this.show();
  }

  private give(whom: number): void {
    this.giving = false;
    this.company.say({ type: "give", whom });
    this.show();
  }

  private button(text: string, does: () => void, label = text): HTMLButtonElement {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = text;
    if (label !== text) b.setAttribute("aria-label", `${text}: ${label}`);
    b.addEventListener("mousedown", (e) => e.preventDefault()); // whoever types goes on typing
    b.addEventListener("click", does);
    return b;
  }

  // showOthers says whose shells run here, while there is none of one's own in sight.
  private showOthers(): void {
    const box = el("others");
    box.hidden = this.runs || this.others.length === 0;
    const state = JSON.stringify(this.others);
    if (box.hidden || box.dataset["of"] === state) return;
    box.dataset["of"] = state;
    box.replaceChildren(...this.others.map((o) => this.offered(o)));
  }

  private offered(other: Other): HTMLElement {
    const row = document.createElement("div"), text = document.createElement("p");
    text.textContent = other.mine ? "You have a shell here, on another page" : `${other.name} has a shell here`;
    row.append(text, this.button("Watch", () => void this.tapped(other), `Watch ${other.mine ? "your" : `${other.name}'s`} shell`));
    return row;
  }

  // tapped asks for the passkey first, where it was shown long ago, as for a shell of one's own.
  private async tapped(other: Other): Promise<void> {
    try {
      if (this.session.key) await fresh(`Watch ${other.mine ? "your" : `${other.name}'s`} shell in ${this.session.container}?`);
      this.company.watch(other.run);
    } catch (err) {
      this.company.tell(err instanceof Error ? err.message : String(err));
    }
  }
}
