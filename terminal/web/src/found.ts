import { el } from "./dom";
import type { Filter } from "./filter";

// Found says how many lines a filter has left, and what there is to see where there is none.
export class Found {
  private readonly nomatch = el("nomatch");
  private readonly hits = el("hits");

  reading(): void {
    this.nomatch.textContent = "Reading…";
  }

  search(filter: Filter, text: string): void {
    el("search-said").textContent = filter.empty ? "" : text;
  }

  // tell is called when the lines have changed. With their beginning there, nothing is left to be searched.
  tell(list: HTMLElement, filter: Filter, begins: boolean): void {
    this.nomatch.hidden = list.querySelector(".row:not([hidden], .gone)") !== null;
    el("found").hidden = filter.empty;
    el("search").hidden = begins;
    if (!filter.empty) this.hits.textContent = String(list.querySelectorAll(".row:not([hidden], .note)").length);
    this.nomatch.textContent = !filter.empty ? "No line matches the filter." : "Nothing has been logged yet.";
  }
}
