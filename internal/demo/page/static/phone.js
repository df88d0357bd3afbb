// The channel: messages in order, threads below them, and what only this person sees. A message is drawn anew only when
// it has changed, so that a person's place, focus and open threads stay.
import { $, h, safe, send, stick } from "./dom.js";
import { blocks } from "./blocks.js";
import { choose, confirm, toast } from "./overlay.js";
import { clock, mrkdwn } from "./mrkdwn.js";

const drawn = new Map(); // by key: { node, json, open }
const openThreads = new Set();
let names = {};
let notices = 0;
const settle = stick($("messages"));

export function draw(view) {
  names = view.names;
  const list = $("messages");
  const all = [...view.messages, ...view.messages.flatMap(broadcasts), ...view.ephemerals].filter((m) => !m.deleted).sort((a, b) => (a.ts < b.ts ? -1 : 1));
  const wanted = all.map(render);
  if (!wanted.length) wanted.push(empty());
  else wanted.unshift(divider(all[0]));
  place(list, wanted);
  settle();
  tell(view.notices);
}

// broadcasts are the replies of a thread that the channel shows too. There they say which thread they are of.
function broadcasts(root) {
  return (root.replies ?? []).filter((r) => r.reply_broadcast).map((r) => ({ ...r, thread_of: headline(root), thread_key: root.ts }));
}

function headline(root) {
  const header = (root.blocks ?? []).find((b) => b.type === "header");
  return header?.text?.text ?? root.text;
}

// place brings the list's children into order without touching those that are there already.
function place(list, wanted) {
  const keep = new Set(wanted);
  [...list.children].forEach((c) => keep.has(c) || c.remove());
  wanted.forEach((node, i) => { if (list.children[i] !== node) list.insertBefore(node, list.children[i] ?? null); });
}

function tell(all) {
  if (all.length > notices) toast(all[all.length - 1].text);
  notices = all.length;
}

const once = {};

function empty() {
  return (once.empty ??= h("p", { class: "empty" }, "All quiet. Nothing has been posted here yet."));
}

function divider(first) {
  const day = new Date(Number(first.ts) * 1000).toDateString();
  const text = day === new Date().toDateString() ? "Today" : day;
  if (once.dayText !== text) once.day = h("div", { class: "day" }, h("span", {}, text));
  once.dayText = text;
  return once.day;
}

function render(m) {
  const key = (m.ephemeral_to ?? "") + m.ts + (m.thread_of ? "/channel" : "");
  const json = JSON.stringify(m);
  const open = openThreads.has(m.ts);
  const before = drawn.get(key);
  if (before?.json === json && before.open === open) return before.node;
  const node = message(m, key);
  if (!before) node.classList.add("new");
  else if (before.json !== json) node.classList.add("changed");
  if (before) refocus(before.node, node);
  drawn.set(key, { node, json, open });
  return node;
}

// refocus brings the keyboard back to where it was once the new node is in place.
function refocus(from, to) {
  const focused = from.contains(document.activeElement) ? document.activeElement.dataset.action : undefined;
  if (focused === undefined) return;
  queueMicrotask(() => to.querySelector(`[data-action="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true }));
}

function message(m, key) {
  const who = m.from_app ? "Snapback" : names[m.user] ?? m.user;
  return h("article", { class: `message${m.ephemeral_to ? " ephemeral" : ""}`, "data-ts": m.ts, "data-key": key },
    avatar(m, who),
    h("div", { class: "content" },
      m.ephemeral_to ? h("p", { class: "only" }, eye(), "Only visible to you") : null,
      h("p", { class: "by" }, h("b", {}, who), m.from_app ? h("span", { class: "app-tag" }, "APP") : null, stamp(m)),
      m.thread_of ? threadLink(m) : null,
      body(m), attachments(m), reactions(m), thread(m),
      m.reply_broadcast && !m.thread_of ? h("p", { class: "also" }, "Also sent to the channel") : null));
}

// threadLink leads from a reply in the channel to its thread, which it opens.
function threadLink(m) {
  const link = h("button", { type: "button", class: "of-thread", "data-action": "to-thread" }, "replied to a thread: ", h("b", {}, mrkdwn(m.thread_of, names)));
  link.addEventListener("click", () => {
    const root = document.querySelector(`.message[data-key="${CSS.escape(m.thread_key)}"]`);
    if (!root) return;
    if (!openThreads.has(m.thread_key)) root.querySelector(".replies")?.click();
    document.querySelector(`.message[data-key="${CSS.escape(m.thread_key)}"] .thread`)?.scrollIntoView({ block: "nearest" });
  });
  return link;
}

function avatar(m, who) {
  if (m.from_app) return h("img", { class: "avatar", src: "/static/icon.svg", alt: "", width: 36, height: 36 });
  return h("span", { class: "avatar initial", "aria-hidden": "true" }, who.slice(0, 1).toUpperCase());
}

function stamp(m) {
  const at = new Date(Number(m.ts) * 1000);
  return h("time", { datetime: at.toISOString() }, clock(at));
}

const eye = () => h("span", { class: "eye", "aria-hidden": "true" });

function body(m) {
  const list = m.blocks ?? [];
  const context = { names, tap: (b, e, n) => tap(m, b, e, n), menu: (b, e, n) => menu(m, b, e, n) };
  return h("div", { class: "blocks" }, list.length ? blocks(list, context) : h("div", { class: "b-text" }, mrkdwn(m.text, names)),
    m.edits > 0 && !m.from_app ? h("span", { class: "edited" }, "(edited)") : null);
}

function attachments(m) {
  return (m.files ?? []).map((f) => f.mimetype.startsWith("image/")
    ? h("figure", { class: "b-image" }, h("figcaption", {}, f.title), h("img", { class: "b-large", src: `/files/${encodeURIComponent(f.id)}`, alt: f.alt || f.title }))
    : h("a", { class: "file", href: `/files/${encodeURIComponent(f.id)}`, download: f.name }, f.title));
}

function reactions(m) {
  const all = m.reactions ?? [];
  return all.length ? h("div", { class: "reactions" }, all.map((r) => h("span", {}, mrkdwn(`:${r.name}:`, names), ` ${r.users.length}`))) : null;
}

function thread(m) {
  const replies = (m.replies ?? []).filter((r) => !r.deleted);
  if (!replies.length) return null;
  const open = openThreads.has(m.ts);
  const last = clock(new Date(Number(replies[replies.length - 1].ts) * 1000));
  const toggle = h("button", { type: "button", class: "replies", "aria-expanded": String(open), "data-action": "thread" },
    h("b", {}, replies.length === 1 ? "1 reply" : `${replies.length} replies`), h("span", {}, open ? "Hide thread" : `Last reply at ${last}`));
  toggle.addEventListener("click", () => {
    if (!openThreads.delete(m.ts)) openThreads.add(m.ts);
    toggle.closest(".message").replaceWith(render(m));
  });
  return h("div", { class: "thread" }, toggle, open ? h("div", { class: "thread-list" }, replies.map((r) => message(r, r.ts))) : null);
}

async function tap(m, block, element, node) {
  if (element.confirm && !(await confirm(element.confirm, node, names))) return;
  if (element.url && safe(element.url)) window.open(element.url, "_blank", "noopener,noreferrer");
  await post(m, block, element, element.value ?? "", node);
}

async function menu(m, block, element, node) {
  const option = await choose(element.options, node);
  if (!option) return;
  if (element.confirm && !(await confirm(element.confirm, node, names))) return;
  if (option.url && safe(option.url)) window.open(option.url, "_blank", "noopener,noreferrer");
  await post(m, block, element, option.value, node);
}

// post sends the tap. The button shows that it is under way; the app's update replaces it.
async function post(m, block, element, value, node) {
  node.classList.add("busy");
  const answer = await send("/tap", { ts: m.ts, block_id: block.block_id, action_id: element.action_id, value });
  node.classList.remove("busy");
  if (!answer.ok) toast(answer.error);
}

export async function say(text) {
  const answer = await send("/say", { text });
  if (!answer.ok) toast(answer.error);
  return answer.ok;
}
