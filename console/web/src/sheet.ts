import { action, make, wait } from "./dom";

// Found is what has to be looked up before somebody can answer. no: it can't be done.
export type Found = { lines: string[]; no?: boolean };

// Question is what a sheet asks. look says its lines when it has found them out; until then nobody can tap the act. calm: its button
// is not red. left is called when somebody leaves it as it is.
type Question = { title: string; lines?: string[]; look?: (gone: AbortSignal) => Promise<Found>; act: string; calm?: boolean; run: () => void; left?: () => void };

const early = 350; // ms in which a tap is the second of a double tap, and no answer

let open: (() => void) | undefined;
let waiting: (is: boolean) => void = () => undefined; // has the act that is asked about wait

// contact says whether there is any. Without it a page that shows something is old, and nothing can be done.
export function contact(up: boolean, known: boolean): void {
  document.body.classList.toggle("old", !up && known);
  waiting(!up);
}

// sheet asks once, at the thumb's end of the screen. Its button names the act. It is gone when somebody goes to another page.
export function sheet(q: Question): void {
  closeSheet();
  const dialog = make("dialog", { class: "sheet", "aria-labelledby": "sheet-title" }) as HTMLDialogElement;
  const gone = new AbortController();
  let over = false;
  const close = (then?: () => void) => {
    if (over) return;
    over = true;
    open = undefined;
    waiting = () => undefined;
    gone.abort();
    dialog.close();
    dialog.remove();
    then?.();
  };
  const leave = () => close(q.left);
  const why = make("span");
  const act = action({ class: q.calm ? "primary" : "primary danger", disabled: true }, false, () => close(q.run), q.act, why) as HTMLButtonElement;
  waiting = (is) => { wait(act, is); why.textContent = is ? " (offline)" : ""; };
  waiting(document.body.classList.contains("old"));
  const list = make("ul", { class: "changes" });
  const show = (f: Found) => {
    if (over) return;
    list.replaceChildren(...f.lines.map((l) => make("li", {}, l)));
    act.hidden = f.no === true;
    if (!f.no) setTimeout(() => { act.disabled = false; }, early);
  };
  const opened = Date.now();
  if (q.look) {
    list.append(make("li", {}, "Looking what it would do…"));
    q.look(gone.signal).then(show, (err: unknown) => show({ lines: [err instanceof Error ? err.message : String(err), "Nothing was done."], no: true }));
  } else {
    show({ lines: q.lines ?? [] });
  }
  dialog.append(
    make("h2", { id: "sheet-title" }, q.title), make("div", { role: "status" }, list),
    make("div", { class: "answers" }, act, make("button", { type: "button", class: "plain wide", click: leave }, "Leave it as it is")),
  );
  dialog.addEventListener("cancel", leave);
  dialog.addEventListener("click", (e) => { if (e.target === dialog && Date.now() - opened > early) leave(); });
  open = leave;
  document.body.append(dialog);
  dialog.showModal();
}

// closeSheet leaves as it is what is asked, if anything is.
export function closeSheet(): void {
  open?.();
}
