// h makes an element. Texts are always texts: nothing that the app posts is ever read as HTML.
export function h(tag, attributes = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (value === true) el.setAttribute(name, "");
    else if (value !== undefined && value !== null && value !== false) el.setAttribute(name, value);
  }
  el.append(...children.flat().filter((c) => c !== null && c !== undefined));
  return el;
}

export function svg(tag, attributes = {}, ...children) {
  const el = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value);
  el.append(...children);
  return el;
}

// safe is a URL that a page may link to, or "".
export function safe(url) {
  return /^(https?|mailto):/i.test(url) ? url : "";
}

export const $ = (id) => document.getElementById(id);

// send posts JSON and returns the answer; a page whose demo has ended gets an answer as well.
export async function send(path, body) {
  try {
    const r = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    return await r.json();
  } catch {
    return { ok: false, error: "The demo has ended." };
  }
}

// follow calls back with each event, and says when the stream is gone.
export function follow(path, each) {
  const source = new EventSource(path);
  source.onmessage = (e) => each(JSON.parse(e.data));
  source.onopen = () => document.body.classList.remove("offline");
  source.onerror = () => document.body.classList.add("offline");
}

// stick keeps a list that grows at its end for as long as nobody has scrolled away from there. What it returns is
// called after each change of the list, or of its height.
export function stick(list) {
  let pinned = true;
  list.addEventListener("scroll", () => { pinned = list.scrollHeight - list.scrollTop - list.clientHeight < 80; }, { passive: true });
  const settle = () => { if (pinned) list.scrollTop = list.scrollHeight; };
  new ResizeObserver(settle).observe(list);
  return settle;
}
