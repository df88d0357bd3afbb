import { el } from "./dom";
import type { Filter } from "./filter";

// Found says how many lines a filter has left, and what there is to see where there is none.
export class Found {
  private readonly nomatch = el("nomatch");
  private readonly hits = el("hits");
  private failed = false; // the last question for older lines

  reading(): void {
    this.nomatch.textContent = "Reading…";
  }

  // search says how a question for older lines stands. That it has failed is said without a filter, too: at the top of a log there is nothing
  // more to scroll, and the button asks again.
  search(filter: Filter, text: string, failed = false): void {
    this.failed = failed;
    el("search-said").textContent = filter.empty && !failed ? "" : text;
    this.offer(filter);
  }

  private offer(filter: Filter): void {
    el("found").hidden = filter.empty && !this.failed;
    el("left").hidden = filter.empty;
  }

  // tell is called when the lines have changed. With their beginning there, nothing is left to be searched.
  tell(list: HTMLElement, filter: Filter, begins: boolean): void {
    this.nomatch.hidden = list.querySelector(".row:not([hidden], .gone)") !== null;
    this.offer(filter);
    el("search").hidden = begins;
    if (!filter.empty) this.hits.textContent = String(list.querySelectorAll(".row:not([hidden], .note)").length);
    this.nomatch.textContent = !filter.empty ? "No line matches the filter." : "Nothing has been logged yet.";
  }
}
