import { el, recall, remember } from "./dom";

const key = "snapback.reader";

// Reader is the choice that the shell is to be read aloud: the emulator then keeps its lines as text beside what it draws, and says
// what is new. It costs time with each line, so it is asked for. It is kept in this browser.
export class Reader {
  private readonly button = el<HTMLButtonElement>("reader");
  on = recall("local", key) === "on";

  constructor(private readonly changed: (on: boolean) => void) {
    this.button.addEventListener("click", () => this.set(!this.on));
    this.show();
  }

  private set(on: boolean): void {
    this.on = on;
    remember("local", key, on ? "on" : "off");
    this.show();
    this.changed(on);
  }

  private show(): void {
    this.button.setAttribute("aria-pressed", String(this.on));
    this.button.textContent = this.on ? "Screen reader: on" : "Screen reader: off";
  }
}
