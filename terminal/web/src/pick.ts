import { clock, el } from "./dom";
import { share } from "./earlier";
import { said } from "./line";
import type { Session } from "./protocol";

// Pick is what can be done with one line: a tap chooses it, or Enter in the list and then the arrows. The tap that stops a log which runs
// is for that alone.
export class Pick {
  private readonly bar = el("pick");
  private readonly said = el("pick-said");
  private readonly share = el<HTMLButtonElement>("pick-share");
  private row: HTMLElement | null = null;

  constructor(
    private readonly session: Session,
    private readonly list: HTMLElement,
    private readonly hold: () => boolean, // stops the log where it runs, and says whether this very touch has done that already
  ) {
    this.share.hidden = !session.incident;
    list.addEventListener("click", (e) => this.tapped(e));
    list.addEventListener("keydown", (e) => this.key(e));
    el("pick-copy").addEventListener("click", () => void this.copy());
    el("pick-shut").addEventListener("click", () => this.choose(null));
    this.share.addEventListener("click", () => void this.send());
    new MutationObserver(() => this.follow()).observe(list, { childList: true });
  }

  // follow goes over to the row that has taken the place of the picked one: the connection brings the first lines again, and who comes back
  // from another time finds the newest as new.
  private follow(): void {
    const gone = this.row && !this.row.isConnected ? said.get(this.row) : undefined;
    if (!gone?.at) return;
    const there = this.list.querySelectorAll<HTMLElement>(`.row[data-at="${gone.at}"]`);
    const same = [...there].find((row) => said.get(row)?.text === gone.text);
    if (!same) return;
    this.row?.classList.remove("picked");
    this.row = same;
    same.classList.add("picked");
  }

  private tapped(e: MouseEvent): void {
    const row = (e.target as Element).closest<HTMLElement>(".row");
    if (getSelection()?.isCollapsed === false || this.hold()) return; // somebody marks text, or has stopped the log by this tap
    this.choose(row === this.row || row?.classList.contains("note") ? null : row);
  }

  private key(e: KeyboardEvent): void {
    if (e.key === "Escape") return this.choose(null);
    if (e.key === "Enter" && !this.row) this.choose([...this.list.querySelectorAll<HTMLElement>(".row:not([hidden], .note)")].at(-1) ?? null);
    else if (this.row && (e.key === "ArrowUp" || e.key === "ArrowDown")) this.step(e.key === "ArrowUp" ? "previousElementSibling" : "nextElementSibling");
    else return;
    e.preventDefault();
  }

  private step(to: "previousElementSibling" | "nextElementSibling"): void {
    let next = this.row?.[to] ?? null;
    while (next instanceof HTMLElement && (next.hidden || next.classList.contains("note"))) next = next[to];
    if (next instanceof HTMLElement) this.choose(next);
  }

  private choose(row: HTMLElement | null): void {
    this.row?.classList.remove("picked");
    this.row = row;
    this.bar.hidden = row === null;
    this.say("");
    if (!row) return;
    this.hold();
    row.classList.add("picked");
    row.scrollIntoView({ block: "nearest" });
    const line = said.get(row), when = new Date(line?.at ?? "");
    el("pick-when").textContent = `${clock(when, true)} · ${when.toISOString().slice(0, 19).replace("T", " ")} UTC`;
    el("pick-text").textContent = line?.plain ?? "";
    this.share.disabled = !line?.at;
  }

  private async copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(el("pick-text").textContent ?? "");
      this.say("Copied.");
    } catch {
      getSelection()?.selectAllChildren(el("pick-text"));
      this.say("Marked: copy it with your phone's own menu.");
    }
  }

  private async send(): Promise<void> {
    const line = this.row && said.get(this.row);
    if (!line) return;
    this.share.disabled = true;
    this.say("Sharing…");
    try {
      await share(this.session, line);
      this.say("Shared with the incident's thread.");
    } catch (err) {
      this.share.disabled = false;
      this.say(err instanceof Error ? err.message : String(err));
    }
  }

  private say(text: string): void {
    this.said.textContent = text;
  }
}
