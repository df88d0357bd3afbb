// make builds an element. Texts are set as text: nothing that comes from the server is ever read as HTML.
type Child = Node | string | null | false | undefined;
type Attributes = Record<string, string | number | boolean | undefined | ((e: Event) => void)>;

export function make(tag: string, attributes: Attributes = {}, ...children: Child[]): HTMLElement {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag: string, attributes: Attributes = {}, ...children: Child[]): SVGElement {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag) as SVGElement, attributes, children);
}

function fill<T extends Element>(e: T, attributes: Attributes, children: Child[]): T {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") e.addEventListener(name, value);
    else if (value !== undefined && value !== false) e.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child) e.append(child);
  return e;
}

// view shows a page under its title. Who reads it by ear or by keyboard begins at its top.
export function view(title: string, ...children: Child[]): void {
  const at = document.getElementById("view");
  if (!at) return;
  entitle(title);
  const first = at.childElementCount === 0;
  at.replaceChildren(...children.filter((c): c is Node | string => Boolean(c)));
  if (!first) at.focus({ preventScroll: true });
}

// entitle is for a page whose title is known later than what it is.
export function entitle(title: string): void {
  const whole = title === "" ? "Snapback" : `${title} · Snapback`;
  if (document.title !== whole) document.title = whole;
  document.getElementById("view")?.setAttribute("aria-label", title || "Snapback");
}

// redraw puts others in the place of what was there. The focus stays on what is the same: of buttons with one text, as for two incidents whose
// containers can go back to snapshots of one name, on that of the same card.
export function redraw(at: HTMLElement, ...nodes: Node[]): void {
  const focused = at.contains(document.activeElement) ? document.activeElement : null;
  at.replaceChildren(...nodes);
  if (!focused) return;
  const called = (e: Element): string => `${e.closest("li")?.querySelector("a")?.getAttribute("href") ?? ""} ${e.getAttribute("href") ?? e.textContent}`;
  [...at.querySelectorAll<HTMLElement>(focused.tagName)].find((e) => called(e) === called(focused))?.focus({ preventScroll: true });
}
