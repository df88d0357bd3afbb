// What the phone lays over the channel: a dialog that asks before a tap is sent, and a menu's sheet. While one is open
// the channel behind it can't be reached, by touch or by keyboard; Escape and a tap beside it close it.
import { $, h } from "./dom.js";
import { plain } from "./mrkdwn.js";
import { text } from "./blocks.js";

let finish = null; // ends the open overlay with an answer

function open(panel, kind, origin) {
  const overlay = $("overlay");
  if (finish) finish(undefined);
  return new Promise((answer) => {
    finish = (value) => {
      finish = null;
      overlay.hidden = true;
      overlay.replaceChildren();
      $("app").inert = false;
      if (origin?.isConnected) origin.focus({ preventScroll: true });
      answer(value);
    };
    overlay.className = kind;
    overlay.replaceChildren(panel);
    overlay.hidden = false;
    $("app").inert = true;
    (panel.querySelector("[data-first]") ?? panel.querySelector("button")).focus({ preventScroll: true });
  });
}

export function install() {
  const overlay = $("overlay");
  overlay.addEventListener("click", (e) => { if (e.target === overlay) finish?.(undefined); });
  document.addEventListener("keydown", (e) => { if (e.key === "Escape" && finish) finish(undefined); });
}

// confirm asks as the element's confirm object says; true when the person goes on.
export async function confirm(c, origin, names) {
  const panel = h("div", { class: "dialog", role: "alertdialog", "aria-modal": "true", "aria-labelledby": "dialog-title", "aria-describedby": "dialog-text" },
    h("h2", { id: "dialog-title" }, plain(c.title.text)),
    h("p", { id: "dialog-text" }, text(c.text, names)),
    h("div", { class: "dialog-buttons" },
      h("button", { type: "button", "data-first": true, onclick: () => finish(false) }, plain(c.deny?.text ?? "Cancel")),
      h("button", { type: "button", class: c.style === "danger" ? "danger" : "primary", "data-confirm": true, onclick: () => finish(true) }, plain(c.confirm?.text ?? "Yes"))));
  return (await open(panel, "centre", origin)) === true;
}

// choose shows a menu's options; the chosen one, or undefined.
export function choose(options, origin) {
  const rows = options.map((o) => h("button", { type: "button", role: "menuitem", "data-option": o.value, onclick: () => finish(o) },
    h("span", {}, plain(o.text.text)), o.description ? h("small", {}, plain(o.description.text)) : null));
  const panel = h("div", { class: "sheet", role: "menu", "aria-label": "More actions" }, h("div", { class: "grip", "aria-hidden": "true" }), rows);
  panel.addEventListener("keydown", (e) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!step) return;
    e.preventDefault();
    rows[(rows.indexOf(document.activeElement) + step + rows.length) % rows.length].focus();
  });
  return open(panel, "bottom", origin);
}

let fading = 0;

// toast says something in one line for some seconds.
export function toast(message) {
  const box = $("toast");
  box.textContent = message;
  box.classList.add("shown");
  clearTimeout(fading);
  fading = setTimeout(() => box.classList.remove("shown"), 5000);
}
