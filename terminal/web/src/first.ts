import type { Line } from "./protocol";

// First is the newest lines, which are there before there is a connection. What it brings goes before them, until it has come as far back as
// they begin: then it takes their place.
export class First {
  private rows: Element[] = [];
  private from = "";

  get there(): boolean {
    return this.rows.length > 0;
  }

  set(rows: Element[], from: string): void {
    this.rows = rows;
    this.from = comparable(from);
  }

  // early is how many of the lines go before these.
  early(lines: Array<Line | number>): number {
    if (!this.there) return 0;
    const at = lines.findIndex((l) => typeof l !== "number" && l.at !== undefined && comparable(l.at) >= this.from);
    return at < 0 ? lines.length : at;
  }

  // comeAfter says whether they stand after a line.
  comeAfter(row: Element | null): boolean {
    const first = this.rows[0];
    return !!row && !!first && (row.compareDocumentPosition(first) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
  }

  before(batch: DocumentFragment): void {
    this.rows[0]?.before(batch);
  }

  // stay has them be lines like any other.
  stay(): void {
    this.rows = [];
  }

  // leave says how many of them were to be seen.
  leave(): number {
    const seen = this.rows.filter((row) => !(row as HTMLElement).hidden).length;
    for (const row of this.rows) row.remove();
    this.rows = [];
    return seen;
  }
}

// comparable is a time as the bot writes it (RFC 3339, UTC, to the nanosecond without its last noughts) so that texts are in the times' order.
export function comparable(at: string): string {
  return at.slice(0, 19) + at.slice(20, -1).padEnd(9, "0");
}
