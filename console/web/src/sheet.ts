import { make } from "./dom";

// sheet asks once, at the thumb's end of the screen. Its button names the act.
export function sheet(q: { title: string; lines: string[]; act: string; run: () => void }): void {
  const dialog = make("dialog", { class: "sheet", "aria-labelledby": "sheet-title" }) as HTMLDialogElement;
  const done = () => { dialog.close(); dialog.remove(); };
  let once = false;
  const act = make("button", { type: "button", class: "primary danger", disabled: true, click: () => { if (once) return; once = true; done(); q.run(); } }, q.act) as HTMLButtonElement;
  setTimeout(() => { act.disabled = false; }, 350); // the second of a double tap is no answer
  dialog.append(
    make("h2", { id: "sheet-title" }, q.title),
    make("ul", { class: "changes" }, ...q.lines.map((l) => make("li", {}, l))),
    act,
    make("button", { type: "button", class: "plain wide", click: done }, "Leave it as it is"),
  );
  dialog.addEventListener("cancel", done);
  dialog.addEventListener("click", (e) => { if (e.target === dialog && !act.disabled) done(); });
  document.body.append(dialog);
  dialog.showModal();
}
