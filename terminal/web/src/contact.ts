import "./contact.css";
import { el } from "./dom";
import type { Contact } from "./wire";

// tellContact says since when there has been none. The count is for the eyes; what is read aloud is said once.
export function tellContact(c: Contact): void {
  const bar = el("contact");
  const said = el("contact-said");
  bar.hidden = c.silent === 0;
  if (c.silent === 0) {
    if (said.textContent) said.textContent = "";
    return;
  }
  bar.textContent = c.why || [navigator.onLine ? "" : "This device is offline.", c.silent < 3000 ? "Connection lost." : `Last contact ${ago(c.silent)} ago.`, "Reconnecting…"].filter(Boolean).join(" ");
  const aloud = c.why || "No contact with Snapback. Reconnecting.";
  if (said.textContent !== aloud) said.textContent = aloud;
}

function ago(ms: number): string {
  const s = Math.floor(ms / 1000);
  return s < 120 ? `${s} s` : `${Math.floor(s / 60)} min`;
}
