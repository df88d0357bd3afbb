import { Connection, Refused, endSession, type Listener } from "./connection";
import { tellContact } from "./contact";
import { clock, el, forget, recall, remember, showOver } from "./dom";
import { Errors } from "./errors";
import { Logs } from "./logs";
import { pageOf } from "../../../console/web/src/seat";
import { fresh } from "../../../console/web/src/prove";
import { walk } from "../../../console/web/src/tabs";
import type { Line, Output, Session, ShellState, Status, Told } from "./protocol";
import { ShellPane } from "./pane";
import { Together } from "./together";
import { Typing } from "./typing";
import type { Contact } from "./wire";
import { afterwards, dress } from "./seat";

const sizes = [10, 11, 12, 13, 14, 16, 18, 20, 22];
const usual = 13; // px

type Tab = "logs" | "errors" | "shell";
const tabs: Tab[] = ["logs", "errors", "shell"];

// Screen is the page while a session is open.
export class Screen implements Listener {
  private readonly logs: Logs;
  private readonly errors: Errors;
  private readonly shell: ShellPane;
  private readonly connection: Connection;
  private readonly typing: Typing;
  private readonly together: Together;
  private own: Status | null = null;
  private shellState: ShellState = "none";
  private shellWords = "";
  private saidWhileRunning = "";
  private saidOfTheirs = "";
  private fontSize = Number(recall("local", "snapback.font")) || usual;
  private activeAt = 0;
  private shellTab = false;
  private asked: "" | "passkey" | "shell" = ""; // for what a tap on Start waits
  private ran = false; // there has been a shell

  constructor(private readonly session: Session) {
    this.logs = new Logs(session);
    this.errors = new Errors(session);
    this.shell = new ShellPane({
      input: (text, hidden) => this.together.mayType() && this.typing.type(text, hidden),
      answer: (text, { epoch, at }) => this.together.holds && this.connection.say({ type: "answer", text, epoch, at }),
      resize: (cols, rows) => this.connection.say({ type: "resize", cols, rows }),
      size: (step) => this.setFont(step),
      tell: (text) => this.banner(text, 6000),
    }, session.id, this.fontSize, () => this.partChanged());
    el("name").textContent = session.container;
    el("detail").textContent = this.detail("");
    document.title = `${session.container} · Snapback`;
    el("tab-shell").hidden = session.mode !== "shell" && !session.key;
    el("start").hidden = session.mode !== "shell";
    if (session.key) dress(session);
    this.together = new Together(session, {
      say: (message) => this.connection.say(message) || (this.banner("There is no contact right now. Try again.", 4000), false),
      watch: (run) => this.connection.watch(run),
      tell: (text) => this.banner(text, 5000),
      changed: () => this.setShell(this.shellState, this.shellWords),
    });
    this.listen();
    this.setFont(0);
    this.setShell("none", "");
    const connection = new Connection(session, this);
    this.connection = connection;
    this.typing = new Typing(connection.page, session.id, connection);
    this.back();
  }

  // back is what a reload does: the view that was looked at is there again.
  private back(): void {
    const view = recall("session", "snapback.view");
    const tab = tabs.find((t) => view === `${this.session.id} ${t}`);
    if (tab && !el(`tab-${tab}`).hidden) this.choose(tab);
  }

  told(message: Told): void {
    if (message.type === "hello") this.greeted(message.run ?? "", message.typed ?? 0);
    else if (message.type === "watch") this.watch(message);
    else if (message.type === "watched") this.watched(message.status);
    else if (message.type === "unwatched") this.unwatched(message.text ?? "");
    else if (message.type === "typed") this.typing.taken(message.by, message.typed ?? 0);
    else if (message.type === "refused") this.typing.refused(message.by, message.typed ?? 0, message.text ?? "");
    else if (message.type === "lines") this.showLines(message.lines, message.skipped);
    else if (message.type === "status") this.setStatus(message.status);
    else if (message.type === "notice") this.banner(message.text, 4000);
  }

  private greeted(run: string, typed: number): void {
    if (!this.connection.watches) this.typing.greeted(run, typed);
  }

  // watch shows somebody else's shell in the place of one's own.
  private watch(message: Extract<Told, { type: "watch" }>): void {
    const again = this.together.watching, same = this.together.shows(message.run);
    this.together.watch(message);
    if (!same) this.typing.shell(message.run, true); // what was typed for this one while there was no contact may be too old to be sent
    this.typing.greeted(message.run, message.typed ?? 0);
    if (!again) this.choose("shell");
    this.setShell("running", "");
    if (again) this.tellSize(); // may have changed meanwhile
  }

  private watched(s: Status): void {
    this.together.crowded(s.crowd);
    this.setPlace(s.task);
    const words = s.shell === "running" ? s.message ?? "" : "";
    if (words !== this.saidOfTheirs) this.banner(words, 10_000);
    this.saidOfTheirs = words;
  }

  private unwatched(text: string): void {
    if (text) this.banner(text, 6000);
    if (!this.together.watching) return;
    this.together.unwatch(this.own?.crowd);
    if (this.own) this.setOwn(this.own);
  }

  // Logs come first: what a shell needs is loaded once they are there.
  private showLines(lines: Line[], skipped?: number): void {
    this.logs.add(lines, skipped);
    if (this.session.mode === "shell") setTimeout(() => this.shell.load(), 0);
  }

  output(piece: Output, lost: boolean): void {
    if (lost) this.shell.reset();
    this.shell.write(piece);
  }

  turned(): void {
    this.shell.reset();
  }

  fresh(): void {
    this.logs.anew();
    this.shell.reset();
  }

  get typist(): string {
    return this.typing?.by ?? "";
  }

  contact(c: Contact): void {
    const there = c.silent === 0;
    tellContact(c);
    if (there !== document.body.classList.contains("offline")) return;
    document.body.classList.toggle("offline", !there);
    if (this.asked === "shell") this.asked = ""; // it is not known whether that has arrived
    this.setShell(this.shellState, this.shellWords);
    if (!there) return;
    this.shell.push();
    this.tellSize();
  }

  over(text: string): void {
    const left = this.typing.left;
    this.errors.hidden();
    this.shell.stop();
    forget("session", "snapback.compose");
    showOver("Session ended", (text || "The session is over. Open a new one in Slack or the console.") + (left ? ` Not sent: ${left}` : ""));
    if (this.session.key) afterwards(this.session);
  }

  private listen(): void {
    for (const tab of tabs) el(`tab-${tab}`).addEventListener("click", () => this.choose(tab));
    walk(el("tabs"));
    el("smaller").addEventListener("click", () => this.setFont(-1));
    el("larger").addEventListener("click", () => this.setFont(1));
    el("start").addEventListener("click", () => this.startShell());
    el("end").addEventListener("click", () => this.endTapped());
    el("stay").addEventListener("click", () => this.stay());
    new ResizeObserver(() => this.shell.refit()).observe(el("term"));
    for (const kind of ["pointerdown", "touchmove", "wheel", "keydown", "input"]) document.addEventListener(kind, () => this.active(), { passive: true, capture: true });
  }

  // active keeps the session from going idle while somebody reads. It goes by what only a person causes: the page scrolls by
  // itself when lines come, and answers by itself when a program asks the terminal something.
  private active(): void {
    if (Date.now() - this.activeAt < 20000) return;
    if (this.connection.say({ type: "active" })) this.activeAt = Date.now();
  }

  // stay is what a screen reader's tap does, too, which touches nothing.
  private stay(): void {
    this.activeAt = 0;
    this.active();
    if (this.activeAt === 0) this.banner("There is no contact right now. Try again.", 4000);
  }

  // warn says in time that the session is about to end. Any touch keeps it.
  private warn(at = ""): void {
    const text = at && `Nobody has touched this page for a while. The session ends at ${clock(new Date(at))}.`;
    el("idle").hidden = text === "";
    if (el("idle-text").textContent === text) return;
    el("idle-text").textContent = text;
    this.activeAt = 0; // the next touch is told at once
  }

  private choose(chosen: Tab): void {
    this.shellTab = chosen === "shell";
    document.body.classList.toggle("in-shell", this.shellTab);
    remember("session", "snapback.view", `${this.session.id} ${chosen}`);
    for (const tab of tabs) {
      el(`tab-${tab}`).setAttribute("aria-selected", String(tab === chosen));
      el(tab).hidden = tab !== chosen;
    }
    if (chosen === "errors") return this.errors.shown();
    this.errors.hidden();
    if (chosen === "logs") return this.logs.shown();
    if (this.session.mode === "shell") this.shell.load();
    this.shell.push();
    this.shell.shown();
    this.focusShell();
  }

  // focusShell opens no keyboard for whoever only watches.
  private focusShell(): void {
    if (this.shellState === "running" && this.together.holds) this.shell.focus();
  }

  // partChanged says what is waited for: on a bad line the emulator may take seconds.
  private partChanged(): void {
    this.setShell(this.shellState, this.shellWords);
    if (!this.shell.loaded || !this.shellTab) return;
    this.shell.shown();
    this.focusShell();
    this.tellSize();
  }

  // startShell asks for the passkey first, where it was shown long ago.
  private startShell(): void {
    if (!this.shell.loaded) return location.reload();
    if (!this.session.key) return this.reallyStart();
    this.shell.focus(); // in the tap itself: later, a phone would not open its keyboard
    this.ask("passkey");
    fresh(`Start a shell in ${this.session.container}?`).then(() => this.reallyStart(), (err: unknown) => {
      this.ask("");
      this.banner(err instanceof Error ? err.message : String(err), 6000);
    });
  }

  // ask says on the button what is waited for.
  private ask(what: "" | "passkey" | "shell"): void {
    this.asked = what;
    this.setShell(this.shellState, this.shellWords);
  }

  private reallyStart(): void {
    this.shell.shown();
    const said = this.connection.say({ type: "shell", ...(this.shell.size ?? { cols: 80, rows: 24 }) });
    this.ask(said ? "shell" : "");
    if (!said) return this.banner("There is no contact right now. Try again.", 6000);
    this.shell.focus(); // in the tap itself: later, a phone would not open its keyboard
  }

  private setStatus(s: Status): void {
    el("state").textContent = s.state;
    el("dot").dataset["state"] = s.state;
    el("detail").textContent = this.detail(s.image);
    if (this.asked === "shell" && (s.run !== this.own?.run || s.shell !== this.own?.shell)) this.asked = "";
    this.ran ||= s.shell === "running";
    this.own = s;
    this.warn(s.idle_at);
    this.logs.ofService(s.service ?? false);
    this.together.offer(s.others ?? []);
    if (this.together.watching) return;
    this.together.crowded(s.crowd);
    this.setOwn(s);
  }

  // setPlace keeps in sight in which task of a service the shell that is shown runs.
  private setPlace(task = ""): void {
    el("place").hidden = task === "";
    el("place").textContent = task;
  }

  private setOwn(s: Status): void {
    this.setPlace(s.task);
    this.setShell(s.shell, s.message ?? "");
    this.typing.shell(s.run ?? "", s.shell === "running");
  }

  private detail(image: string): string {
    const until = `until ${clock(new Date(this.session.expires_at))}`;
    return [until, this.session.person, image].filter(Boolean).join(" · ");
  }

  private setShell(state: ShellState, message: string): void {
    const before = this.shellState;
    this.shellState = state;
    this.shellWords = message;
    const running = state === "running", holds = this.together.holds, seen = running && this.shell.loaded;
    this.shell.showAs(running ? this.together.size : null);
    this.together.running(running);
    if (this.session.mode !== "shell") return;
    document.body.classList.toggle("shell-runs", running);
    el("shell-dot").hidden = !running;
    el("keys").hidden = el("writing").hidden = !seen || !holds;
    el("shell-start").hidden = seen;
    el("looking").hidden = !seen || holds;
    const home = el(!seen ? "shell-start" : holds ? "more" : "looking");
    if (el("reader").parentElement !== home) home.append(el("reader"));
    el<HTMLButtonElement>("reader").disabled = !this.shell.loaded;
    el("shell").classList.toggle("over", state === "ended");
    const button = el<HTMLButtonElement>("start");
    button.disabled = !this.live || (this.shell.loaded ? state === "starting" || state === "ending" || this.asked !== "" : this.shell.progress !== "outdated");
    button.textContent = this.startWords(state);
    if (running && message !== this.saidWhileRunning) this.banner(message, 10_000); // what is said beside it is out of sight then
    this.saidWhileRunning = running ? message : "";
    el("shell-text").textContent = this.partWords() || message || (state === "none" ? `A shell in ${this.session.container}` : "");
    if (state === "starting" && before !== "starting") this.shell.reset();
    if (running && before !== "running" && this.shellTab) {
      this.shell.shown();
      this.focusShell();
    }
    if (before !== "running") this.tellSize();
    if (!running && before === "running") this.shell.blur();
  }

  private startWords(state: ShellState): string {
    if (!this.live) return "No contact";
    if (this.shell.progress === "outdated") return "Load the page again";
    if (!this.shell.loaded) return "Loading…";
    if (this.asked === "passkey") return "Checking your passkey…";
    if (this.asked === "shell" || state === "starting") return "Starting…";
    if (state === "ending") return "Ending…";
    return state === "ended" && this.ran ? "Start another shell" : "Start shell";
  }

  private partWords(): string {
    if (this.shell.progress === "again") return "The terminal could not be loaded yet. Trying again.";
    return this.shell.progress === "outdated" ? "Snapback has been updated since this page was loaded." : "";
  }

  private tellSize(): void {
    if (this.shell.size && this.shellState === "running" && this.together.holds) this.connection.say({ type: "resize", ...this.shell.size });
  }

  private get live(): boolean {
    return !document.body.classList.contains("offline");
  }

  private setFont(step: number): void {
    const at = Math.max(0, sizes.findIndex((s) => s >= this.fontSize));
    this.fontSize = sizes[Math.min(sizes.length - 1, Math.max(0, at + step))] ?? usual;
    remember("local", "snapback.font", String(this.fontSize));
    Object.assign(el("lines").style, { fontSize: `${this.fontSize}px`, lineHeight: `${Math.round(this.fontSize * 1.4)}px` }); // a whole number: what is read would drift when old lines go
    this.shell.setFontSize(this.fontSize);
  }

  private bannerTimer = 0;

  private banner(text: string, ms = 0): void {
    const b = el("banner");
    clearTimeout(this.bannerTimer);
    b.textContent = text;
    b.hidden = text === "";
    if (ms) this.bannerTimer = window.setTimeout(() => this.banner(""), ms);
  }

  // The second tap within three seconds is the one that counts.
  private endTapped(): void {
    const button = el<HTMLButtonElement>("end");
    if (button.dataset["armed"]) return void this.end(button);
    button.dataset["armed"] = "yes";
    button.textContent = "End now?";
    setTimeout(() => {
      delete button.dataset["armed"];
      button.textContent = "End";
    }, 3000);
  }

  private async end(button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    try {
      await endSession();
      this.connection.stop();
      forget("session", "snapback.compose");
      if (this.session.key) return location.replace(pageOf(this.session.key));
      this.over("You ended the session. Tap Terminal in Slack for a new one.");
    } catch (err) {
      button.disabled = false;
      this.banner(err instanceof Refused ? err.message : "Snapback can't be reached; the session is still open.", 5000);
    }
  }
}
