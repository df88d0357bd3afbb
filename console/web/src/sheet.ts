import { make } from "./dom";

// Question is what a sheet asks. calm: its button is not red. left is called when somebody leaves it as it is.
type Question = { title: string; lines: (string | Node)[]; act: string; calm?: boolean; leave?: string; run: () => void; left?: () => void };

let open: (() => void) | undefined;

// sheet asks once, at the thumb's end of the screen. Its button names the act. It is gone when somebody goes to another page.
export function sheet(q: Question): void {
  closeSheet();
  const dialog = make("dialog", { class: "sheet", "aria-labelledby": "sheet-title" }) as HTMLDialogElement;
  let over = false;
  const close = (then?: () => void) => {
    if (over) return;
    over = true;
    open = undefined;
    dialog.close();
    dialog.remove();
    then?.();
  };
  const leave = () => close(q.left);
  const act = make("button", { type: "button", class: q.calm ? "primary" : "primary danger", disabled: true, click: () => close(q.run) }, q.act) as HTMLButtonElement;
  setTimeout(() => { act.disabled = false; }, 350); // the second of a double tap is no answer
  dialog.append(
    make("h2", { id: "sheet-title" }, q.title),
    make("ul", { class: "changes" }, ...q.lines.map((l) => make("li", {}, l))),
    act,
    make("button", { type: "button", class: "plain wide", click: leave }, q.leave ?? "Leave it as it is"),
  );
  dialog.addEventListener("cancel", leave);
  dialog.addEventListener("click", (e) => { if (e.target === dialog && !act.disabled) leave(); });
  open = leave;
  document.body.append(dialog);
  dialog.showModal();
}

// closeSheet leaves as it is what is asked, if anything is.
export function closeSheet(): void {
  open?.();
}
