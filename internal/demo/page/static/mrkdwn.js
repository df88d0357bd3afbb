// Slack's own markup (mrkdwn), as its reference describes it: *bold*, _italic_, ~strike~, `code`, ```blocks```, > quotes,
// <links>, <@mentions>, <!dates> and :emoji:. &, < and > arrive escaped.
import { h, safe } from "./dom.js";
import { byName, withPictures } from "./emoji.js";

const around = (mark) => `(?<![\\p{L}\\p{N}])[${mark}](?=\\S)([^${mark}\\n]+?)(?<=\\S)[${mark}](?![\\p{L}\\p{N}])`;
const token = new RegExp(`\`([^\`\\n]+)\`|<([^<>\\n]+)>|:([a-z0-9_+'-]+):|${around("*")}|(?<![\\p{L}\\p{N}])_(?=\\S)([^\\n]+?)(?<=\\S)_(?![\\p{L}\\p{N}])|${around("~")}`, "gu");

export const unescape = (s) => s.replace(/&(lt|gt|amp);/g, (_, name) => ({ lt: "<", gt: ">", amp: "&" })[name]);

// plain is a plain_text object: only emoji and line breaks mean anything.
export function plain(text) {
  return unescape(text).split(/(:[a-z0-9_+'-]+:)/).flatMap((part) => withPictures(byName(part.slice(1, -1)) ?? part));
}

export function mrkdwn(text, names) {
  return text.split(/```([\s\S]*?)```/).flatMap((part, i) =>
    i % 2 === 1 ? [h("pre", {}, unescape(part.replace(/^\n|\n$/g, "")))] : paragraphs(part, names));
}

function paragraphs(text, names) {
  const out = [];
  let quoted = null;
  text.split("\n").forEach((line, i, all) => {
    const quote = /^(?:&gt;|>) ?(.*)$/.exec(line);
    if (quote) {
      if (!quoted) out.push((quoted = h("blockquote")));
      else quoted.append(h("br"));
      quoted.append(...inline(quote[1], names));
      return;
    }
    quoted = null;
    out.push(...inline(line, names));
    if (i < all.length - 1) out.push(h("br"));
  });
  return out;
}

function inline(text, names) {
  const out = [];
  let at = 0;
  for (const m of text.matchAll(token)) {
    out.push(...withPictures(unescape(text.slice(at, m.index))), ...piece(m, names));
    at = m.index + m[0].length;
  }
  out.push(...withPictures(unescape(text.slice(at))));
  return out;
}

function piece([whole, code, angle, emoji, bold, italic, strike], names) {
  if (code !== undefined) return [h("code", {}, unescape(code))];
  if (angle !== undefined) return [reference(angle, names)];
  if (emoji !== undefined) return withPictures(byName(emoji) ?? whole);
  if (bold !== undefined) return [h("strong", {}, inline(bold, names))];
  if (italic !== undefined) return [h("em", {}, inline(italic, names))];
  return [h("s", {}, inline(strike, names))];
}

function reference(body, names) {
  const bar = body.indexOf("|");
  const target = bar < 0 ? body : body.slice(0, bar);
  const label = bar < 0 ? "" : unescape(body.slice(bar + 1));
  if (target[0] === "@" || target[0] === "#") {
    return h("span", { class: "mention" }, target[0] + (label || names[target.slice(1)] || target.slice(1)));
  }
  if (target.startsWith("!date^")) return date(target, label);
  if (target[0] === "!") return h("span", { class: "mention" }, label || "@" + target.slice(1).split("^")[0]);
  const url = safe(unescape(target));
  return url ? h("a", { href: url, target: "_blank", rel: "noreferrer" }, ...withPictures(label || url)) : new Text(label || target);
}

function date(target, fallback) {
  const [, unix, format, link] = target.split("^");
  const at = new Date(Number(unix) * 1000);
  if (Number.isNaN(at.getTime())) return new Text(fallback);
  const text = (format || "").replace(/\{(\w+)\}/g, (whole, name) => moment(at, name) ?? whole);
  const shown = h("time", { datetime: at.toISOString(), title: at.toLocaleString() }, text);
  return link && safe(link) ? h("a", { href: link, target: "_blank", rel: "noreferrer" }, shown) : shown;
}

const days = { date: { month: "long", day: "numeric", year: "numeric" }, date_short: { month: "short", day: "numeric", year: "numeric" }, date_long: { weekday: "long", month: "long", day: "numeric", year: "numeric" } };

function moment(at, name) {
  const pretty = name.endsWith("_pretty") && near(at);
  if (pretty) return pretty;
  const day = days[name.replace(/_pretty$/, "")];
  if (day) return at.toLocaleDateString("en", day);
  if (name === "date_num") return at.toISOString().slice(0, 10);
  if (name === "time") return clock(at);
  if (name === "time_secs") return at.toLocaleTimeString("en-GB");
  return undefined;
}

function near(at) {
  const midnight = (d) => new Date(d).setHours(0, 0, 0, 0);
  const away = Math.round((midnight(at) - midnight(Date.now())) / 864e5);
  return { "-1": "yesterday", 0: "today", 1: "tomorrow" }[away];
}

export const clock = (at) => at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
