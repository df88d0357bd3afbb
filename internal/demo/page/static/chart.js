// The share of failed requests by second: an area over the last minutes, drawn as SVG. Errors and silence have colours
// and patterns of their own; the newest second is at the right edge.
import { h, svg } from "./dom.js";

const W = 600, H = 150, TOP = 8, BOTTOM = 20, LEFT = 34;
const plotW = W - LEFT, plotH = H - TOP - BOTTOM;

export function chart(buckets, seconds) {
  const last = buckets.length ? buckets[buckets.length - 1].t : Math.floor(Date.now() / 1000);
  const x = (t) => LEFT + plotW - ((last - t) / (seconds - 1)) * plotW;
  const y = (share) => TOP + plotH - share * plotH;
  const total = (b) => b.ok + b.errors + b.down;
  const failed = (b) => (total(b) ? (b.errors + b.down) / total(b) : 0);
  const down = (b) => (total(b) ? b.down / total(b) : 0);
  return svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": words(buckets, failed), preserveAspectRatio: "none" },
    ...grid(y), area("errors", buckets, x, y, failed), area("down", buckets, x, y, down), line(buckets, x, y, failed));
}

function grid(y) {
  return [0, 0.5, 1].map((share) => svg("line", { class: "grid", x1: LEFT, x2: W, y1: y(share), y2: y(share) }));
}

function area(kind, buckets, x, y, share) {
  if (!buckets.length) return svg("g");
  const points = buckets.map((b) => `${x(b.t).toFixed(1)},${y(share(b)).toFixed(1)}`);
  const base = y(0).toFixed(1);
  return svg("polygon", { class: kind, points: `${x(buckets[0].t).toFixed(1)},${base} ${points.join(" ")} ${x(buckets[buckets.length - 1].t).toFixed(1)},${base}` });
}

function line(buckets, x, y, share) {
  return svg("polyline", { class: "line", points: buckets.map((b) => `${x(b.t).toFixed(1)},${y(share(b)).toFixed(1)}`).join(" ") });
}

function words(buckets, failed) {
  if (!buckets.length) return "No requests yet";
  const b = buckets[buckets.length - 1];
  return `Share of failed requests over the last minutes; now ${Math.round(failed(b) * 100)} percent`;
}

// axes are HTML beside the picture, so that text keeps its size when the picture is stretched.
export function axes(seconds) {
  return [
    h("span", { class: "y top" }, "100 %"), h("span", { class: "y mid" }, "50"), h("span", { class: "y low" }, "0"),
    h("span", { class: "x" }, `${Math.round(seconds / 60)} min ago`), h("span", { class: "x now" }, "now"),
    h("span", { class: "key" }, h("i", { class: "errors" }), "errors", h("i", { class: "down" }), "nobody there"),
  ];
}
