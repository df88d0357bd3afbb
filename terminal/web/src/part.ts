const soonest = 500; // ms between a try that failed and the next; twice as long after each
const latest = 4000;
const patience = 15_000; // ms in which nothing comes
const pushed = 3000; // and where somebody has tapped, or the network was away

// Progress is how it stands with a part: again says that a try has failed and others follow, outdated that the bot has no such file, as
// it is of another version by now.
export type Progress = "unasked" | "loading" | "again" | "outdated" | "there";

class Outdated extends Error {}

// Part is a script that the page loads when it is wanted, however often that fails meanwhile. A browser remembers of an address that its
// module failed (the module map of the HTML standard), and does not ask for it again: each try has an address of its own. It is fetched
// before it is imported, which finds it in the browser's cache: a slow network is told from a dead one by what comes.
export class Part<Module> {
  private stands: Progress = "unasked";
  private over = false;
  private heardAt = 0; // when something has come of this try
  private hurried = false; // the next one does not wait
  private interrupt = (): void => {}; // the try or the pause that is under way

  constructor(
    private readonly address: string,
    private readonly came: (module: Module) => void,
    private readonly changed: () => void,
  ) {}

  get progress(): Progress {
    return this.stands;
  }

  load(): void {
    if (this.stands === "unasked") void this.untilItIsThere();
  }

  // push does not wait for the next try, as the network has come back, or somebody has tapped.
  push(): void {
    if (Date.now() - this.heardAt < pushed) return;
    this.hurried = true;
    this.interrupt();
  }

  stop(): void {
    this.over = true;
    this.interrupt();
  }

  private async untilItIsThere(): Promise<void> {
    this.turn("loading");
    for (let n = 0; !this.over; n++) {
      const module = await this.tried(n === 0 ? this.address : `${this.address}?again=${n}`);
      if (this.over) return;
      if (module) {
        this.came(module);
        return this.turn("there");
      }
      await this.pause(Math.min(latest, soonest * 2 ** Math.min(n, 9)));
    }
  }

  private async tried(address: string): Promise<Module | null> {
    const stalled = new AbortController();
    this.hurried = false;
    this.interrupt = () => stalled.abort();
    this.heardAt = Date.now();
    const watch = setInterval(() => Date.now() - this.heardAt > patience && stalled.abort(), 1000);
    try {
      await this.fetched(address, stalled.signal);
      return await orAbort(import(address) as Promise<Module>, stalled.signal);
    } catch (err) {
      if (!this.over) this.turn(err instanceof Outdated ? "outdated" : "again");
      return null;
    } finally {
      clearInterval(watch);
    }
  }

  // fetched throws Outdated where the bot itself has no such file: a proxy says 404 of everything while there is no bot behind it.
  private async fetched(address: string, signal: AbortSignal): Promise<void> {
    const { ok, status, headers, body } = await fetch(address, { signal });
    if (status === 404 && headers.get("Content-Type") === "application/problem+json") throw new Outdated();
    if (!ok || !body) throw new Error(`the bot answered with ${status}`);
    const reader = body.getReader();
    do this.heardAt = Date.now();
    while (!(await reader.read()).done);
  }

  private pause(ms: number): Promise<void> {
    this.heardAt = 0;
    return new Promise((done) => {
      const timer = setTimeout(done, this.hurried ? 0 : ms);
      this.interrupt = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  private turn(to: Progress): void {
    if (this.stands === to) return;
    this.stands = to;
    this.changed();
  }
}

function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return Promise.race([promise, new Promise<never>((_, failed) => signal.addEventListener("abort", () => failed(signal.reason as Error)))]);
}
