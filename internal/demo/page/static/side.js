// What stands beside the phone: the shop, PagerDuty, and what has happened so far.
import { $, h, send, stick } from "./dom.js";
import { toast } from "./overlay.js";
import { axes, chart } from "./chart.js";
import { withPictures } from "./emoji.js";

const SECONDS = 180;
const settle = stick($("log"));

export function draw(s) {
  figures(s.load);
  shop(s.shop, s.shop_url);
  pagerDuty(s.incident);
  log(s.log);
  again(s.again);
  change($("hint"), s.hint, s.hint ? withPictures(s.hint) : []);
}

// change redraws a place only when what it shows has changed.
function change(place, key, children) {
  const json = JSON.stringify(key);
  if (place.dataset.key === json) return false;
  place.dataset.key = json;
  place.replaceChildren(...children);
  return true;
}

function figures(load) {
  const none = load.over === 0;
  $("percent").textContent = none ? "–" : `${load.percent} %`;
  $("epm").textContent = none ? "–" : load.errors_per_minute.toLocaleString("en");
  const state = none ? "" : load.percent >= 20 ? "bad" : load.percent > 0 ? "warn" : "good";
  $("shop").dataset.state = state;
  const pill = $("pill");
  pill.hidden = none;
  pill.dataset.state = state;
  pill.textContent = `${load.percent} % errors`;
  $("chart").replaceChildren(chart(load.buckets.slice(-SECONDS), SECONDS), ...axes(SECONDS));
}

function shop(s, url) {
  $("shop-state").textContent = s.state;
  $("shop-state").dataset.state = s.state === "running" ? "good" : "bad";
  $("shop-link").href = url;
  const rows = [[s.tasks ? "service" : "container", s.name], ["tasks", s.tasks], ["image", s.image], ["SHOP_VERSION", s.version], ["DB_POOL", s.pool], ["kept, stopped", s.kept.join(", ")]];
  const known = rows.filter(([, v]) => v);
  change($("facts"), known, known.flatMap(([k, v]) => [h("dt", {}, k), h("dd", {}, v)]));
}

function again(label) {
  const b = $("again");
  b.hidden = !label;
  if (label && !b.disabled) b.textContent = label;
}

// What the button does takes as long as a deploy does.
$("again").addEventListener("click", async () => {
  const b = $("again");
  b.disabled = true;
  b.textContent = "Deploying…";
  const answer = await send("/again", {});
  if (!answer.ok) toast(answer.error);
  b.disabled = false;
});

const colours = { triggered: "bad", acknowledged: "warn", resolved: "good" };

function pagerDuty(i) {
  const tag = $("pd-status");
  tag.textContent = i?.status ?? "";
  tag.dataset.state = colours[i?.status] ?? "";
  change($("pd"), i, i ? [
    h("p", { class: "title" }, `#${i.number} ${i.title}`),
    h("p", { class: "small" }, i.service + (i.by ? ` · ${i.by} has it` : "")),
    ...(i.notes.length ? [h("ul", { class: "notes" }, i.notes.map((n) => h("li", {}, withPictures(n))))] : []),
  ] : [h("p", { class: "small" }, "No incident.")]);
}

function log(lines) {
  const drawn = change($("log"), lines, lines.map((l) => h("li", { class: l.mark },
    h("time", { datetime: l.at }, new Date(l.at).toLocaleTimeString("en-GB")), h("span", {}, withPictures(l.text)))));
  if (drawn) settle();
}
