import type { Container, Home, Offer, Page, Question } from "./model";
import { get } from "./server";
import { sheet } from "./sheet";

const good = 60_000; // ms, for which it is taken for true what a container would be restored to, while nothing happens to it
const most = 4; // containers of an incident for which it is asked; the others are listed below it
const unseen = "What it would change can't be seen from here.";

// bigOne is the snapshot that one would restore now, if there is one, and if it may be asked for.
export function bigOne(p: Page): Offer | undefined {
  if (p.refused || (p.restore && !p.restore.over)) return undefined;
  return p.snapshots?.find((s) => s.way_out && !s.why_not);
}

export function wouldChange(p: Page, o: Offer): string {
  if (p.container.elsewhere) return unseen;
  return o.changes.length > 0 ? `Would change back: ${o.changes.join(" · ")}` : "Changes nothing but the files that it has written itself.";
}

// askToRestore asks what the snapshot that was tapped would do as things are now, and shows that before anybody can say yes. run is
// told which container was looked at.
export function askToRestore(key: string, p: Page, o: Offer, run: (seen: string) => void): void {
  let seen = p.seen;
  sheet({
    title: `Restore ${p.container.name} to ${o.name}?`,
    look: async (gone) => {
      const q = await get<Question>(`/console/offer?key=${encodeURIComponent(key)}&snapshot=${encodeURIComponent(o.name)}`, gone);
      seen = q.seen;
      if (q.why_not) return { lines: [q.why_not], no: true };
      const doubt = o.doubt && !q.says.some((s) => s.toLowerCase().startsWith(o.doubt?.toLowerCase() ?? "")) ? [`${o.doubt}.`] : [];
      const changes = p.container.elsewhere ? [unseen] : ["Changes no setting."];
      return { lines: [...(q.changes.length > 0 ? q.changes.map((c) => `Changes ${c}`) : changes), ...doubt, ...q.says] };
    },
    act: `Restore ${o.name}`,
    run: () => run(seen),
  });
}

export type Way = { page: Page; offer: Offer };

// Ways finds out what the containers of open incidents would be restored to, for Home, which is not told: engines are asked for that, and take
// their time.
export class Ways {
  private readonly known = new Map<string, { of: string; until: number; page?: Page }>();

  constructor(
    private readonly gone: AbortSignal,
    private readonly changed: () => void,
  ) {}

  // of is for those that were deployed last.
  of(home: Home, incident: number): Way[] {
    return home.containers.filter((c) => c.incident === incident).slice(0, most).flatMap((c) => {
      const page = this.page(c), offer = page && bigOne(page);
      return page && offer ? [{ page, offer }] : [];
    });
  }

  // left is how many of an incident's containers are left out.
  static left(home: Home, incident: number): number {
    return Math.max(0, home.containers.filter((c) => c.incident === incident).length - most);
  }

  // page is what was found out last. What that was is shown until there is something newer: nothing moves under a thumb.
  private page(c: Container): Page | undefined {
    const had = this.known.get(c.key), of = JSON.stringify({ ...c, errors: null });
    if (had && had.of === of && Date.now() < had.until) return had.page;
    const now: { of: string; until: number; page?: Page } = { ...had, of, until: Date.now() + good };
    this.known.set(c.key, now);
    get<{ view: Page }>(`/console/container?key=${encodeURIComponent(c.key)}`, this.gone).then(({ view }) => {
      now.page = view;
      this.changed();
    }, () => { now.until = Date.now() + good / 4; });
    return now.page;
  }
}
