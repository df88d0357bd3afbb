// Filter is what somebody wants to see of the lines: texts with | between them, of which one must be there; after a ! none may be.
// Capitals are small letters to it.
export class Filter {
  readonly empty: boolean;
  private readonly not: boolean;
  private readonly texts: string[];

  constructor(typed: string) {
    const text = typed.trim().toLowerCase();
    this.not = text.startsWith("!");
    this.texts = (this.not ? text.slice(1) : text).split("|").map((t) => t.trim()).filter(Boolean);
    this.empty = this.texts.length === 0;
  }

  matches(line: string): boolean {
    return this.empty || this.texts.some((t) => line.includes(t)) !== this.not;
  }

  // hits are where the texts stand in a piece of a line, as it is shown.
  hits(piece: string): Array<[from: number, to: number]> {
    const out: Array<[number, number]> = [], small = piece.toLowerCase();
    if (this.not || small.length !== piece.length) return out; // some letters are longer when they are small
    for (const t of this.texts) for (let at = small.indexOf(t); at >= 0; at = small.indexOf(t, at + t.length)) out.push([at, at + t.length]);
    return out;
  }
}

// Marks highlights hits without touching the lines: a browser without that shows them plain.
export class Marks {
  private readonly all = typeof Highlight === "undefined" ? null : new Highlight();

  constructor() {
    if (this.all) CSS.highlights.set("hits", this.all);
  }

  clear(): void {
    this.all?.clear();
  }

  mark(row: HTMLElement, filter: Filter): void {
    if (!this.all || filter.empty || this.all.size > 20_000) return;
    const pieces = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
    while (pieces.nextNode()) {
      const piece = pieces.currentNode as Text;
      if (piece.parentElement?.tagName === "TIME") continue;
      for (const [from, to] of filter.hits(piece.data)) this.all.add(new StaticRange({ startContainer: piece, startOffset: from, endContainer: piece, endOffset: to }));
    }
  }
}
