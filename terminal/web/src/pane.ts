import { Part, type Progress } from "./part";
import type { Output } from "./protocol";
import type { Shell, ShellWire } from "./shell";

// ShellPane stands for the shell until the emulator has been loaded, which is most of the page's code. What comes
// meanwhile is kept, and shown then.
export class ShellPane {
  private shell: Shell | null = null;
  private readonly part: Part<typeof import("./shell")>;
  private theirs: { cols: number; rows: number } | null = null;
  private early: Output[] = [];

  constructor(
    private readonly wire: ShellWire,
    private readonly session: string,
    private fontSize: number,
    changed: () => void, // how it stands with the emulator
  ) {
    const address = document.querySelector<HTMLScriptElement>("script[data-shell]")?.dataset["shell"] ?? "";
    this.part = new Part(address, ({ Shell }) => this.fill(new Shell(this.wire, this.session, this.fontSize)), changed);
  }

  get loaded(): boolean {
    return this.shell !== null;
  }

  get progress(): Progress {
    return this.part.progress;
  }

  load(): void {
    this.part.load();
  }

  push(): void {
    this.part.push();
  }

  stop(): void {
    this.part.stop();
  }

  private fill(shell: Shell): void {
    this.shell = shell;
    shell.showAs(this.theirs);
    for (const piece of this.early) shell.write(piece);
    this.early = [];
  }

  get size(): { cols: number; rows: number } | null {
    return this.shell?.size ?? null;
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
