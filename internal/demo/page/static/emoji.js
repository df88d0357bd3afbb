// Slack draws emoji as pictures of its own. The ones that an alert uses are drawn here, so that they look the same on
// a machine without an emoji font; all others are left to the browser.
import { svg } from "./dom.js";

const P = (d, fill, more = {}) => ["path", { d, fill, ...more }];
const L = (d, stroke, width = 2) => P(d, "none", { stroke, "stroke-width": width, "stroke-linecap": "round", "stroke-linejoin": "round" });
const C = (cx, cy, r, fill) => ["circle", { cx, cy, r, fill }];
const R = (x, y, width, height, rx, fill) => ["rect", { x, y, width, height, rx, fill }];

const pictures = {
  "🚨": [R(3, 16, 14, 3, 1.2, "#5b6270"), P("M5 16V10a5 5 0 0 1 10 0v6Z", "#e5484d"), P("M7.5 15v-5A2.5 2.5 0 0 1 10 7.500", "none", { stroke: "#fff", "stroke-width": 1.3, "stroke-linecap": "round", opacity: 0.75 }), L("M10 1v2M2.600 4.400l1.500 1.300M17.400 4.400l-1.500 1.300", "#f5a524", 1.7)],
  "⚠": [P("M8.800 2.300a1.400 1.400 0 0 1 2.400 0l7.400 13.200a1.400 1.400 0 0 1-1.200 2.100H2.600a1.400 1.400 0 0 1-1.200-2.100Z", "#ffcc4d"), L("M10 7v5", "#3b2f07"), C(10, 15, 1.2, "#3b2f07")],
  "✅": [R(1, 1, 18, 18, 4, "#2fa866"), L("m5.500 10.500 3 3 6-7", "#fff", 2.4)],
  "❌": [L("m4 4 12 12M16 4 4 16", "#e5484d", 3.2)],
  "👀": [["ellipse", { cx: 6, cy: 10, rx: 4.2, ry: 5.6, fill: "#fff", stroke: "#9aa3b2", "stroke-width": 1 }], ["ellipse", { cx: 14, cy: 10, rx: 4.2, ry: 5.6, fill: "#fff", stroke: "#9aa3b2", "stroke-width": 1 }], C(7.4, 11, 2, "#272b33"), C(15.4, 11, 2, "#272b33")],
  "⏳": [L("M5 2h10M5 18h10", "#8b6f3e", 2), P("M6 3h8v2.500L11 10l3 4.500V17H6v-2.500L9 10 6 5.500Z", "#cfe3f7"), P("M7.500 6h5L10 9.500ZM6.500 16.500 10 12.800l3.500 3.700Z", "#f0b34a")],
  "↩": [R(1, 1, 18, 18, 4, "#3b82c4"), L("M8 5 4.800 8.200 8 11.400M5 8.200h6.500a3.300 3.300 0 0 1 0 6.600H8", "#fff", 2)],
  "🆘": [R(1, 1, 18, 18, 4, "#e5484d"), L("M5.500 7.300C3 6.800 3 9.800 4.600 10c1.700.300 1.500 3.200-1 2.700M16.500 7.300c-2.500-.500-2.500 2.500-.900 2.700 1.700.300 1.500 3.200-1 2.700", "#fff", 1.5), ["ellipse", { cx: 10, cy: 10, rx: 1.9, ry: 2.9, fill: "none", stroke: "#fff", "stroke-width": 1.5 }]],
  "✋": [P("M5.200 10V5.200a1.100 1.100 0 0 1 2.200 0V3.300a1.100 1.100 0 0 1 2.200 0V2.600a1.100 1.100 0 0 1 2.300 0v1.200a1.100 1.100 0 0 1 2.200 0v6l1-1.700c.700-1.100 2.400-.400 1.900.900l-2.400 6A4.800 4.800 0 0 1 10.200 18C7 18 5.200 15.600 5.200 12.600Z", "#ffcc4d"), L("M7.400 9V5M9.600 9V4M11.900 9V4", "#d9962b", 0.9)],
  "▶": [R(1, 1, 18, 18, 4, "#3b82c4"), P("M7.500 5.500v9l7-4.500Z", "#fff")],
  "⏹": [R(1, 1, 18, 18, 4, "#3b82c4"), R(6, 6, 8, 8, 1, "#fff")],
  "📝": [R(3, 1.5, 12, 17, 1.5, "#e8ecf2"), L("M5.500 6h7M5.500 9h7M5.500 12h4", "#9aa3b2", 1.3), P("m18 6.500-7 8-2.200 1 .700-2.400 7-8Z", "#f0b34a")],
  "📉": [R(1, 1, 18, 18, 2, "#eef2f7"), L("M1 7h18M1 13h18M7 1v18M13 1v18", "#d4dbe6", 0.8), L("M2.500 4.500 7 8l3.500-1 6 8.500", "#3b82c4", 2)],
  "📈": [R(1, 1, 18, 18, 2, "#eef2f7"), L("M1 7h18M1 13h18M7 1v18M13 1v18", "#d4dbe6", 0.8), L("M2.500 15.500 7 11l3.500 1 6-8", "#e5484d", 2)],
  "📣": [P("M2 9.500 15 3v13L2 12.500Z", "#e5484d"), L("M17.500 7.500v4", "#5b6270", 2), L("M6 14.500 7 18h2.500l-1-3", "#5b6270", 1.6)],
  "📎": [L("m14.500 6.500-6.600 6.600a1.700 1.700 0 0 0 2.400 2.400l6.400-6.400a3.600 3.600 0 0 0-5.100-5.100L5 10.600a5.300 5.300 0 0 0 7.500 7.500", "#7b8494", 1.6)],
  "🔒": [L("M6.200 9V6.500a3.800 3.800 0 0 1 7.600 0V9", "#7b8494", 2), R(4, 8.5, 12, 9.5, 2, "#f0b34a"), C(10, 13, 1.5, "#6b4e12")],
  "🔥": [P("M10 1c.500 3 4.800 5.400 4.800 10.500A4.800 4.800 0 0 1 10 18.500a4.800 4.800 0 0 1-4.800-5C5.200 10.600 7 9.500 7 7c1 .600 1.600 1.700 1.700 2.800C10.600 7.700 9.600 4 10 1Z", "#f2711c"), P("M10 10c.300 1.600 2.400 2.600 2.400 5a2.400 2.400 0 0 1-4.800 0c0-2 1.700-2.700 2.400-5Z", "#ffd166")],
};

const shortcodes = {
  rotating_light: "🚨", warning: "⚠", white_check_mark: "✅", x: "❌", eyes: "👀", hourglass_flowing_sand: "⏳",
  leftwards_arrow_with_hook: "↩", sos: "🆘", hand: "✋", raised_hand: "✋", arrow_forward: "▶", memo: "📝", pencil: "📝",
  chart_with_downwards_trend: "📉", chart_with_upwards_trend: "📈", mega: "📣", paperclip: "📎", lock: "🔒", fire: "🔥",
  tada: "🎉", "+1": "👍", thumbsup: "👍", wave: "👋", rocket: "🚀", bug: "🐛", wrench: "🔧", red_circle: "🔴",
  large_green_circle: "🟢", no_entry: "⛔", stopwatch: "⏱", alarm_clock: "⏰", speech_balloon: "💬", thread: "🧵", whale: "🐳",
};

const drawn = new RegExp(`(${Object.keys(pictures).join("|")})\\uFE0F?`, "u");

function picture(emoji) {
  const shapes = pictures[emoji].map(([tag, attributes]) => svg(tag, attributes));
  return svg("svg", { viewBox: "0 0 20 20", class: "emoji", role: "img", "aria-label": emoji }, ...shapes);
}

// withPictures turns a text into texts and pictures.
export function withPictures(text) {
  return text.split(drawn).filter((part) => part !== "").map((part) => (pictures[part] ? picture(part) : part));
}

// byName is what :name: stands for, or undefined.
export function byName(name) {
  return Object.hasOwn(shortcodes, name) ? shortcodes[name] : undefined;
}
