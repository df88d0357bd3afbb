import { plain, render } from "./ansi";
import { clock } from "./dom";
import type { Line } from "./protocol";

// said is what a row stands for: the line as it came, and as it can be read.
export const said = new WeakMap<Element, Line & { plain: string }>();

// The time that a program writes at the beginning of its line, in the forms that are met: with the colours before it, and what sets it off.
const own = /^((?:\x1b\[[\d;]*m)*)[[(]?(?:time="?)?(?:\d{4}[-/]\d\d[-/]\d\d[T ]|[A-Z][a-z]{2} {1,2}\d{1,2} )?\d\d:(\d\d):(\d\d)(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?"?[\])]?(?: ?[-|:])?((?:\x1b\[[\d;]*m)*)[ \t]+/;

// The first word in a line that says its level: in capitals, in brackets, before a colon, after level=, or klog's letter.
const names = "fatal|panic|emerg|critical|crit|severe|error|err|warning|warn|notice|info|debug|trace";
const level = new RegExp(`\\b(?:level|lvl|severity)"?[=:] ?"?(${names})\\b|\\b(${names.toUpperCase()})\\b|[[<](${names})[\\]>]|^\\W*(${names}):|^([EFWI])\\d{4} `);
const looks: Record<string, string> = { warning: "warned", warn: "warned", w: "warned", notice: "", info: "", i: "", debug: "quiet", trace: "quiet" };

function levelOf(text: string): string {
  const word = level.exec(text.slice(0, 200))?.slice(1).find(Boolean)?.toLowerCase();
  return word === undefined ? "" : (looks[word] ?? "bad");
}

// row draws a line. A program's own time is left out where it is the one that stands before the line already, whatever its zone. The level is
// coloured where the program has not coloured the line itself; it stands there as a word as well.
export function row(line: Line): HTMLElement {
  const out = document.createElement("div");
  out.className = line.kind ? `row ${line.kind}` : "row";
  const readable = plain(line.text);
  said.set(out, { ...line, plain: readable });
  if (line.at) {
    out.dataset["at"] = line.at;
    const time = document.createElement("time");
    time.textContent = clock(new Date(line.at), true);
    out.append(time);
  }
  const text = document.createElement("span");
  render(line.at && line.kind !== "note" ? withoutTime(line.text, new Date(line.at)) : line.text, text);
  out.append(text);
  if (line.kind !== "note" && !/\x1b\[[\d;]*[1-9]/.test(line.text)) text.className = levelOf(readable);
  return out;
}

function withoutTime(text: string, at: Date): string {
  const m = own.exec(text);
  if (!m) return text;
  const theirs = Number(m[2]) * 60 + Number(m[3]), ours = at.getUTCMinutes() * 60 + at.getUTCSeconds();
  const off = Math.abs(theirs - ours) % 1800; // zones differ by half hours
  return Math.min(off, 1800 - off) <= 2 && m[0].length < text.length ? (m[1] ?? "") + (m[4] ?? "") + text.slice(m[0].length) : text;
}
