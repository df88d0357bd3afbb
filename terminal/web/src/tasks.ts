import { el } from "./dom";
import { tasks, type Task } from "./earlier";
import type { Session } from "./protocol";

const fresh = 5000; // ms that the list of tasks is good for

// Tasks chooses between the lines of all tasks of a service and those of one. The bot is asked for them whenever somebody is about to choose.
export class Tasks {
  private readonly box = el<HTMLSelectElement>("task");
  private known: Task[] = [];
  private asked = 0; // when, in ms since 1970

  constructor(
    private readonly session: Session,
    chosen: () => void,
  ) {
    for (const kind of ["pointerdown", "focus"]) this.box.addEventListener(kind, () => void this.ask());
    this.box.addEventListener("change", () => (this.draw(), chosen()));
  }

  get chosen(): string {
    return this.box.value;
  }

  // offer is told whenever it is known whether the page is of a service.
  offer(is: boolean): void {
    if (is && this.box.hidden) void this.ask();
    this.box.hidden = !is;
  }

  private async ask(): Promise<void> {
    if (Date.now() - this.asked < fresh) return;
    this.asked = Date.now();
    try {
      this.known = await tasks(this.session);
    } catch {
      this.asked = 0; // what was known stays
    }
    this.draw();
  }

  private draw(): void {
    const now = this.box.value, n = this.known.length;
    const gone = now && !this.known.some((t) => t.name === now) ? [{ name: now, state: "gone" }] : [];
    const options = [new Option(n > 1 ? `All ${n} tasks` : "All tasks", "")];
    for (const t of [...this.known, ...gone]) options.push(new Option(said(t), t.name));
    if (options.length === this.box.length && options.every((o, i) => o.text === this.box.options[i]?.text)) return;
    this.box.replaceChildren(...options);
    this.box.value = now;
  }
}

function said({ name, on, state }: Task): string {
  return [on ? `${name} on ${on}` : name, state].filter(Boolean).join(", ");
}
