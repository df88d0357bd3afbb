import "./logs.css";
import { Refused } from "./connection";
import { clock, el } from "./dom";
import { past, type Past } from "./earlier";
import { Filter, Marks } from "./filter";
import { First } from "./first";
import { Found } from "./found";
import { row as drawn, said } from "./line";
import { Newest } from "./newest";
import { Pick } from "./pick";
import { Place, type Elsewhere } from "./place";
import type { Line, Session } from "./protocol";
import { Queue } from "./queue";
import { atEnd, cutAbove, cutBelow, lastAt, still } from "./rows";
import { Tasks } from "./tasks";
import { Views, day } from "./views";

const soon = 3000; // ms until a question that has failed is asked again
const keep = 3000; // lines, while the newest is followed; twice as many while somebody reads older ones, and those that they asked for

// Logs is the list of lines. It follows the newest until somebody touches it, scrolls up or pauses.
export class Logs {
  private readonly list = el("lines");
  private readonly field = el<HTMLInputElement>("filter");
  private readonly pause = el<HTMLButtonElement>("pause");
  private readonly newest = new Newest();
  private readonly place: Place;
  private following = true;
  private paused = false;
  private stopped = false; // by the last touch
  private touched = false; // a finger is on the list
  private wanted = false; // somebody has touched the list while it was too short to be held
  private down = false; // the last scrolling went down
  private top = 0; // where the list was scrolled to last
  private gone = 0;
  private older = 0; // lines that somebody has scrolled up for
  private turn: AbortController | null = null; // of the one question that waits for its answer
  private again = 0; // a timer: the question for older lines that has failed
  private begins = false; // nothing is before the oldest line
  private unread = false; // the place from before a reload is to be read, or could not be: the next reload tries again
  private owed = false; // somebody has asked for earlier lines before the connection has brought those that are there
  private filter = new Filter("");
  private elsewhere: Elsewhere | null = null;
  private readonly first = new First();
  private readonly tasks: Tasks;
  private readonly queue = new Queue((lines) => this.show(lines));
  private readonly marks = new Marks(this.list);
  private readonly found = new Found();

  constructor(private readonly session: Session) {
    this.list.addEventListener("scroll", () => this.scrolled(), { passive: true });
    for (const kind of ["touchstart", "touchend", "touchcancel"] as const)
      this.list.addEventListener(kind, (e) => this.fingers(e.touches.length), { passive: true });
    this.list.addEventListener("wheel", (e) => e.deltaY < 0 && this.hold(), { passive: true });
    this.list.addEventListener("keydown", (e) => ["ArrowUp", "PageUp", "Home"].includes(e.key) && this.hold());
    this.field.addEventListener("input", () => this.refilter());
    this.pause.addEventListener("click", () => this.setPaused(!this.paused));
    this.newest.button.addEventListener("click", () => this.setPaused(false));
    el("search").addEventListener("click", () => void this.scrolledUp());
    this.tasks = new Tasks(session, () => this.refilter());
    new Views(session, (at, what) => void this.readFrom(at, what));
    new Pick(session, this.list, () => (this.hold(), this.stopped));
    this.place = new Place(session.id, this.list);
    if (session.lines) this.begin(session.lines);
    this.unread = this.place.before !== "";
    if (this.unread) void this.readFrom(this.place.before, "Where you were").then(() => (this.newest.uncounted(), this.tellNewest()));
  }

  // ofService is told whether there are tasks to choose from.
  ofService(is: boolean): void {
    this.tasks.offer(is);
  }

  add(lines: Line[], skipped = 0): void {
    this.queue.add(lines, skipped);
  }

  // begin shows the newest lines before there is a connection.
  private begin(lines: Line[]): void {
    const batch = this.drawn(lines);
    this.first.set([...batch.children], lines[0]?.at ?? "");
    this.list.append(batch);
    this.toEnd();
  }

  private drawn(lines: Array<Line | number>): DocumentFragment {
    const batch = document.createDocumentFragment();
    const aside = this.elsewhere !== null; // they are marked when somebody comes back to them
    for (const line of lines) batch.append(this.row(typeof line === "number" ? { kind: "note", text: `${line} lines were left out here: more came than can be shown` } : line, aside));
    return batch;
  }

  // behind shows lines that come before those that the page has begun with, and leaves what is being read where it is: those, or others that
  // have come before them already.
  private behind(lines: Array<Line | number>): void {
    const above = !this.following && this.first.comeAfter(this.place.line), put = (): void => this.first.before(this.drawn(lines));
    if (this.elsewhere || above) return put();
    still(this.list, put);
    this.top = this.list.scrollTop;
    if (this.wanted) this.hold();
  }

  private show(lines: Array<Line | number>): void {
    const early = this.first.early(lines);
    if (early > 0) this.behind(lines.slice(0, early));
    if (early < lines.length) this.append(lines.slice(early));
  }

  private append(lines: Array<Line | number>): void {
    const batch = this.drawn(lines), top = this.list.scrollTop, before = this.first.leave();
    if (!this.following) this.newest.count(lines, batch, before);
    (this.elsewhere?.newest ?? this.list).append(batch);
    if (before > 0 && !this.following) this.list.scrollTop = top; // they stand where those stood
    this.trim();
    if (this.wanted) this.hold();
    if (this.following) this.toEnd();
    else this.tellNewest();
    this.tellEmpty();
    if (this.owed) void this.scrolledUp();
  }

  // anew is called when the bot sends from the beginning of what it has, as after a long time without contact. What somebody reads stays.
  anew(): void {
    this.queue.clear();
    if (!this.following) return this.stand();
    this.first.leave();
    this.list.replaceChildren();
    this.gone = this.older = 0;
    this.begins = false;
  }

  // stand has what comes put aside. Those that may be missing in between are asked for when somebody scrolls down to them.
  private stand(): void {
    this.first.stay();
    const last = lastAt(this.elsewhere?.newest ?? this.list);
    if (last) this.newest.again(last);
    if (this.elsewhere || !last) return (this.elsewhere?.newest ?? this.list).replaceChildren();
    this.turnAside([], last);
    if (this.nearEnd) void this.scrolledDown();
  }

  private get nearEnd(): boolean {
    return this.list.scrollHeight - this.top - this.list.clientHeight < 800;
  }

  // turnAside has somebody read older lines than the newest, which are kept for later.
  private turnAside(rows: Element[], last: string): void {
    const newest = document.createDocumentFragment();
    newest.append(...rows);
    this.elsewhere = { newest, last, end: false };
    this.asked = { at: this.place.at || last, what: "Where you were" };
  }

  // letGo takes the lowest rows out of a list that somebody has scrolled up for long. They are read again when somebody scrolls down to them.
  private letGo(): void {
    const cut = this.following ? [] : cutBelow(this.list, this.place.line);
    if (cut.length === 0) return;
    const last = lastAt(this.list);
    if (this.elsewhere) Object.assign(this.elsewhere, { last, end: false });
    else this.turnAside(cut.slice(-keep), last);
  }

  // trim lets the oldest lines go, says so in their place, and leaves what is being read where it is.
  private trim(): void {
    if (this.elsewhere) {
      const { newest } = this.elsewhere;
      while (newest.childElementCount > keep) newest.firstElementChild?.remove();
      return;
    }
    const over = this.list.childElementCount - (this.gone > 0 ? 1 : 0) - (this.following ? keep : 2 * keep + this.older);
    if (over <= 0) return;
    const height = this.list.scrollHeight;
    for (let i = this.gone > 0 ? -1 : 0; i < over; i++) this.list.firstElementChild?.remove();
    this.gone += over;
    this.begins = false;
    if (this.following) this.older = 0;
    const note = this.row({ kind: "note", text: `${this.gone} older lines are no longer kept here` });
    note.classList.add("gone");
    this.list.prepend(note);
    if (this.following) return;
    this.list.scrollTop -= height - this.list.scrollHeight;
    this.top = this.list.scrollTop;
  }

  // shown is called when the tab is: a hidden list can't be scrolled.
  shown(): void {
    if (this.following) this.toEnd();
  }

  private row(line: Line, aside = false): HTMLElement {
    const row = drawn(line);
    row.hidden = !this.matches(row);
    if (!row.hidden && !aside) this.marks.mark(row, this.filter);
    return row;
  }

  private matches(row: HTMLElement): boolean {
    return row.classList.contains("note") || this.filter.matches(said.get(row)?.plain ?? "");
  }

  private refilter(): void {
    this.wanted = false;
    this.filter = new Filter(this.field.value, this.tasks.chosen);
    if (this.elsewhere || this.leads) this.rereadSoon();
    this.abandon();
    if (this.elsewhere) return;
    this.marks.clear();
    this.forgetFound();
    for (const row of this.list.children as HTMLCollectionOf<HTMLElement>) {
      row.hidden = !this.matches(row);
      if (!row.hidden) this.marks.mark(row, this.filter);
    }
    this.tellEmpty();
    if (this.following) this.toEnd();
  }

  // forgetFound lets go of what was found by another filter: between those lines there are others.
  private forgetFound(): void {
    const found = this.list.querySelectorAll(".found");
    if (found.length === 0) return;
    for (const row of found) row.remove();
    this.older = Math.max(0, this.older - found.length);
    this.begins = false;
  }

  private tellEmpty(): void {
    this.found.tell(this.list, this.filter, this.begins);
  }

  // hold stops the following at once: lines that come must not pull away what somebody is about to read. Where all lines are in sight there
  // is nothing to stop yet; that is done when more come.
  private hold(): void {
    this.wanted = this.list.scrollHeight <= this.list.clientHeight;
    if (this.wanted) return;
    this.following = false;
    this.tellNewest();
  }

  private fingers(n: number): void {
    const lifted = this.touched && n === 0;
    this.touched = n > 0;
    if (lifted && this.down && atEnd(this.list) && !this.elsewhere) this.following = !this.paused;
    if (!this.touched) return this.tellNewest();
    this.down = false;
    const ran = this.following;
    this.hold();
    this.stopped = ran && !this.following;
  }

  // scrolled takes the following up again when somebody has scrolled down to the end. What is at the end because nobody has
  // moved it, or only a little up, stays where it is.
  private scrolled(): void {
    const moved = this.list.scrollTop - this.top;
    this.top = this.list.scrollTop;
    if (moved !== 0) this.down = moved > 0;
    if (this.elsewhere) {
      if (this.top < 400 && moved < 0) void this.scrolledUp();
      if (this.nearEnd) void this.scrolledDown();
      return;
    }
    if (moved > 0 && atEnd(this.list) && !this.touched) this.following = !this.paused;
    if (moved < 0 && !atEnd(this.list)) this.following = false;
    if (!this.following && this.top < 400) void this.scrolledUp();
    this.tellNewest();
  }

  // scrolledUp asks for what stands before the oldest line, and leaves what is being read where it is.
  private async scrolledUp(): Promise<void> {
    const oldest = this.list.querySelector<HTMLElement>(".row[data-at]");
    const before = oldest?.dataset["at"];
    this.owed = this.first.there;
    if (!oldest || !before || this.turn || this.begins || this.owed) return;
    const asking = this.ask("before", before, (why, refused) => {
      this.found.search(this.filter, why, true);
      if (this.filter.empty && !refused) this.askAgain(() => (this.top < 400 && !this.following ? void this.scrolledUp() : this.found.search(this.filter, "")));
    });
    this.found.search(this.filter, "Searching…");
    const found = await asking;
    if (!found) return;
    if (oldest.isConnected) this.prepend(oldest, found);
    this.found.search(this.filter, "");
  }

  // ask makes a question the one that counts. It answers null when something else has been asked for meanwhile, and after telling why there is
  // no answer.
  private async ask(by: "before" | "since" | "after", when: string, failed: (why: string, refused: boolean) => unknown): Promise<Past | null> {
    this.abandon();
    const turn = (this.turn = new AbortController());
    const found = await past(this.session, by, when, this.filter, turn).catch((err: unknown) => (err instanceof Error ? err : new Error(String(err))));
    if (this.turn !== turn) return null;
    this.turn = null;
    this.leads = false;
    if (!(found instanceof Error)) return found;
    failed(found.message, found instanceof Refused);
    return null;
  }

  // askAgain is for who stands at the list's end, where nothing is left to scroll: whoever scrolls on asks by that.
  private askAgain(ask: () => void): void {
    this.top = this.list.scrollTop;
    this.again = window.setTimeout(ask, soon);
  }

  // abandon gives a question up whose answer is of no use any more: it must not keep the next one waiting, here or at the bot.
  private abandon(): void {
    this.turn?.abort();
    clearTimeout(this.again);
    this.found.search(this.filter, "");
    this.turn = null;
    this.leads = false;
  }

  private prepend(oldest: HTMLElement, { lines, start: begins = false, far }: Past): void {
    const batch = document.createDocumentFragment();
    if (begins) batch.append(this.row({ kind: "note", text: far ? "Lines from before these are too far back to be looked for" : this.filter.empty ? "The log begins here" : "No earlier line matches" }));
    for (const line of lines) batch.append(this.row(line));
    if (!this.filter.empty) for (const row of batch.children) row.classList.add("found");
    this.gone = 0;
    this.begins = begins;
    this.older += batch.childElementCount;
    still(this.list, () => {
      this.list.querySelector(".row.gone")?.remove();
      this.list.insertBefore(batch, oldest);
    });
    this.letGo();
    this.top = this.list.scrollTop;
    this.tellEmpty();
  }

  // readFrom shows the log from another time on. The newest lines are kept aside; the pill leads back to them. A question is given up
  // when something else is asked for, or when somebody has gone back; one for another filter is asked again.
  private async readFrom(at: string, what: string): Promise<void> {
    this.found.reading();
    const asking = this.ask("since", at, (why) => {
      this.list.append(this.row({ kind: "note", text: why }));
      this.tellNewest();
      this.tellEmpty();
    });
    this.leads = true;
    this.asked = { at, what };
    const found = await asking;
    if (!found) return;
    const newest = this.elsewhere?.newest ?? document.createDocumentFragment();
    if (!this.elsewhere) newest.append(...this.list.children);
    this.elsewhere = { newest, last: at, end: false };
    this.begins = this.following = false;
    this.gone = this.older = 0;
    this.marks.clear();
    const when = new Date(at);
    this.list.replaceChildren(this.row({ kind: "note", text: `${what ? `${what}, f` : "F"}rom ${day(when)}${clock(when, true)} on${this.filter.empty ? "" : ", lines that match"}` }));
    this.lengthen(found);
    this.list.scrollTop = this.top = 0;
    this.tellNewest();
    this.tellEmpty();
  }

  private lengthen({ lines, end = false }: Past): void {
    if (!this.elsewhere) return;
    for (const line of lines) this.list.append(this.row(line));
    this.elsewhere.last = lines.at(-1)?.at ?? this.elsewhere.last;
    this.elsewhere.end = end;
    if (end) this.list.append(this.row({ kind: "note", text: "That is all until now" }));
  }

  private async scrolledDown(): Promise<void> {
    const there = this.elsewhere;
    if (!there || there.end || this.turn) return;
    const found = await this.ask("after", there.last, (_, refused) => refused || this.askAgain(() => this.nearEnd && void this.scrolledDown()));
    if (!found) return;
    this.lengthen(found);
    if (cutAbove(this.list, this.place.line)) this.begins = false;
    this.tellEmpty();
  }

  private reread = 0; // a timer
  private leads = false; // the question that waits is for another time
  private asked: { at: string; what: string } | null = null; // last, unless somebody has come back

  private rereadSoon(): void {
    clearTimeout(this.reread);
    this.reread = window.setTimeout(() => this.asked && void this.readFrom(this.asked.at, this.asked.what), 400);
  }

  private comeBack(): void {
    this.abandon();
    this.unread = false;
    clearTimeout(this.reread);
    this.asked = null;
    const there = this.elsewhere;
    if (!there) return this.tellEmpty();
    this.elsewhere = null;
    this.begins = false;
    this.gone = this.older = 0;
    this.list.replaceChildren(...there.newest.children);
    this.refilter();
  }

  private setPaused(paused: boolean): void {
    this.paused = paused;
    this.wanted = false;
    this.following = !paused;
    if (!paused) this.comeBack();
    this.pause.setAttribute("aria-pressed", String(paused));
    this.pause.textContent = paused ? "Resume" : "Pause";
    if (this.following) this.toEnd();
    this.tellNewest();
  }

  private tellNewest(): void {
    this.newest.show(this.following);
    if (!this.following) this.unread = false; // they have another place
    if (!this.unread) this.place.keep(this.following);
  }

  private toEnd(): void {
    this.newest.seenAll();
    this.list.scrollTop = this.list.scrollHeight;
    this.top = this.list.scrollTop;
  }
}
