const soonest = 500; // ms between a try that failed and the next; twice as long after each
const latest = 4000;
const patience = 20_000; // ms with a try that neither comes nor fails; twice as long each time, as the network may be slow
const longest = 120_000;
const pushed = 3000; // ms that a try has had before another may be pushed beside it

// Progress is how it stands with a part: again says that a try has failed and others follow, outdated that the bot has no such file, as
// it is of another version by now.
export type Progress = "unasked" | "loading" | "again" | "outdated" | "there";

// Part is a script that the page loads when it is wanted, however often that fails meanwhile. A browser remembers of an address that its
// module failed (the module map of the HTML standard), and does not ask for it again: each try has an address of its own. What neither
// comes nor fails may hang on a connection that is dead, and gets another try beside it; whichever comes first is taken.
export class Part<Module> {
  private stands: Progress = "unasked";
  private tries = 0;
  private begun = 0;
  private patience = patience;
  private pausing = false;
  private timer = 0; // for the next try; 0: there is none to come

  constructor(
    private readonly address: string,
    private readonly came: (module: Module) => void,
    private readonly changed: () => void,
  ) {}

  get progress(): Progress {
    return this.stands;
  }

  load(): void {
    if (this.stands !== "unasked") return;
    this.turn("loading");
    this.try();
  }

  // push does not wait for the next try, as the network has come back, or somebody has tapped. What takes its time is not overtaken at once.
  push(): void {
    if (this.timer && (this.pausing || Date.now() - this.begun > pushed)) this.try();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = 0;
  }

  private try(): void {
    const n = this.tries++, address = n === 0 ? this.address : `${this.address}?again=${n}`;
    this.begun = Date.now();
    this.next(this.patience, false);
    import(address).then((module: Module) => this.arrived(module), () => this.failed(n, address));
  }

  private next(wait: number, pausing: boolean): void {
    clearTimeout(this.timer);
    this.pausing = pausing;
    this.timer = window.setTimeout(() => {
      if (!pausing) this.patience = Math.min(longest, 2 * this.patience);
      this.try();
    }, wait);
  }

  private arrived(module: Module): void {
    if (!this.timer) return; // another was sooner, or nobody wants it any more
    this.stop();
    this.came(module);
    this.turn("there");
  }

  private async failed(n: number, address: string): Promise<void> {
    if (!this.timer || n !== this.tries - 1) return; // another is under way
    this.next(Math.min(latest, soonest * 2 ** Math.min(n, 9)), true);
    if (this.stands === "loading") this.turn("again");
    const outdated = await gone(address);
    if (this.timer) this.turn(outdated ? "outdated" : "again");
  }

  private turn(to: Progress): void {
    if (this.stands === to) return;
    this.stands = to;
    this.changed();
  }
}

// gone says whether the bot itself has no such file: a proxy says 404 of everything while there is no bot behind it.
async function gone(address: string): Promise<boolean> {
  try {
    const { status, headers } = await fetch(address, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(latest) });
    return status === 404 && headers.get("Content-Type") === "application/problem+json";
  } catch {
    return false;
  }
}
