import type { Output } from "./protocol";
import type { Shell, ShellWire } from "./shell";

// ShellPane stands for the shell until the emulator has been loaded, which is most of the page's code. What comes
// meanwhile is kept, and shown then.
export class ShellPane {
  private shell: Shell | null = null;
  private loading: Promise<boolean> | null = null;
  private theirs: { cols: number; rows: number } | null = null;
  private early: Output[] = [];

  constructor(
    private readonly wire: ShellWire,
    private readonly session: string,
    private fontSize: number,
  ) {}

  get loaded(): boolean {
    return this.shell !== null;
  }

  // load says whether it is there. What failed is tried again when asked again.
  load(): Promise<boolean> {
    this.loading ??= this.fetch();
    return this.loading;
  }

  private async fetch(): Promise<boolean> {
    try {
      const { Shell } = await import("./shell");
      this.shell = new Shell(this.wire, this.session, this.fontSize);
    } catch {
      this.loading = null;
      return false;
    }
    this.shell.showAs(this.theirs);
    for (const piece of this.early) this.shell.write(piece);
    this.early = [];
    return true;
  }

  get size(): { cols: number; rows: number } {
    return this.shell?.size ?? { cols: 80, rows: 24 };
  }

  // showAs shows a screen of another page's size; null: of this one's.
  showAs(size: { cols: number; rows: number } | null): void {
    this.theirs = size;
    this.shell?.showAs(size);
  }

  shown(): void {
    this.shell?.shown();
  }

  refit(): void {
    this.shell?.refit();
  }

  focus(): void {
    this.shell?.focus();
  }

  blur(): void {
    this.shell?.blur();
  }

  write(piece: Output): void {
    if (this.shell) this.shell.write(piece);
    else this.early.push(piece);
  }

  reset(): void {
    this.early = [];
    this.shell?.reset();
  }

  setFontSize(px: number): void {
    this.fontSize = px;
    this.shell?.setFontSize(px);
  }
}
