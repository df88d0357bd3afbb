// Filter is what somebody wants to see of the lines: a regular expression, to which capitals are small letters; after a ! the lines without
// it. What is no regular expression is taken as the texts that it has between its bars. Source is what the bot, which looks through
// what the page does not hold, is asked for. A task is one of a service's, whose name each of its lines begins with; "" stands for all.
export class Filter {
  readonly empty: boolean; // takes all lines
  private readonly any: boolean; // whatever they say
  readonly not: boolean;
  readonly source: string;
  private readonly expr: RegExp;

  constructor(
    typed: string,
    readonly task = "",
  ) {
    const text = typed.trim();
    this.not = text.startsWith("!");
    const body = (this.not ? text.slice(1) : text).split("|").map((t) => t.trim()).filter(Boolean).join("|").replace(/^\(\?i\)/, "");
    this.any = body === "";
    this.empty = this.any && task === "";
    this.source = readable(body) ? body : body.replace(/[.*+?^${}()[\]\\]/g, "\\$&");
    this.expr = new RegExp(this.source, "gi");
  }

  matches(line: string): boolean {
    this.expr.lastIndex = 0;
    if (this.task && !line.startsWith(`${this.task} | `)) return false;
    return this.any || this.expr.test(line) !== this.not;
  }

  // hits are where it stands in a piece of a line, as it is shown.
  hits(piece: string): Array<[from: number, to: number]> {
    if (this.not || this.any) return [];
    this.expr.lastIndex = 0;
    return [...piece.matchAll(this.expr)].filter((m) => m[0]).map((m) => [m.index, m.index + m[0].length]);
  }
}

// readable says that browser and bot both read it, and in the same way: the bot's expressions look neither ahead nor back, and the browser's
// have no names for classes.
function readable(body: string): boolean {
  if (/\(\?[=!<]|\\[1-9kpPAzQEC]|\[\[:/.test(body)) return false;
  try {
    new RegExp(body);
    return true;
  } catch {
    return false;
  }
}

const most = 20_000; // hits that are highlighted at once

// Marks highlights hits in the rows of a list without touching the lines: a browser without that shows them plain. It lets go of rows
// that the list has let go, and of those that were marked first when there are too many hits.
export class Marks {
  private readonly all = typeof Highlight === "undefined" ? null : new Highlight();
  private readonly rows = new Map<Node, StaticRange[]>();

  constructor(list: HTMLElement) {
    if (!this.all) return;
    CSS.highlights.set("hits", this.all);
    new MutationObserver((changes) => {
      for (const { removedNodes } of changes) for (const row of removedNodes) if (row.parentNode !== list) this.forget(row);
    }).observe(list, { childList: true });
  }

  clear(): void {
    this.all?.clear();
    this.rows.clear();
  }

  mark(row: HTMLElement, filter: Filter): void {
    if (!this.all || filter.empty) return;
    const found: StaticRange[] = [];
    const pieces = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
    while (pieces.nextNode()) {
      const piece = pieces.currentNode as Text;
      if (piece.parentElement?.tagName === "TIME") continue;
      for (const [from, to] of filter.hits(piece.data)) found.push(new StaticRange({ startContainer: piece, startOffset: from, endContainer: piece, endOffset: to }));
    }
    if (found.length === 0) return;
    this.rows.set(row, found);
    for (const hit of found) this.all.add(hit);
    for (const [first] of this.rows) {
      if (this.all.size <= most) return;
      this.forget(first);
    }
  }

  private forget(row: Node): void {
    for (const hit of this.rows.get(row) ?? []) this.all?.delete(hit);
    this.rows.delete(row);
  }
}
