import { $, follow } from "./dom.js";
import { install } from "./overlay.js";
import { draw as drawPhone, say } from "./phone.js";
import { draw as drawSide } from "./side.js";

install();
follow("/phone/events", drawPhone);
follow("/side/events", drawSide);

$("composer").addEventListener("submit", async (e) => {
  e.preventDefault();
  const field = $("text");
  const text = field.value.trim();
  if (!text) return;
  field.value = "";
  if (!(await say(text)) && !field.value) field.value = text;
});
