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

// wait has a button answer no tap, until it is called once more. It keeps the focus, which a disabled one would lose.
export function wait(button: HTMLElement, is: boolean): void {
  if (is) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

export function waits(button: HTMLElement): boolean {
  return button.getAttribute("aria-disabled") === "true";
}

// action is a button that does something, unless it waits.
export function action(attributes: Attributes, waiting: boolean, run: () => void, ...children: Child[]): HTMLElement {
  const button = make("button", { type: "button", ...attributes, click: () => { if (!waits(button)) run(); } }, ...children);
  wait(button, waiting);
  return button;
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
  // What stands behind a button's name, as "(offline)", comes and goes.
  const called = (e: Element): string => `${e.closest("li")?.querySelector("a")?.getAttribute("href") ?? ""} ${e.getAttribute("href") ?? e.firstChild?.textContent}`;
  [...at.querySelectorAll<HTMLElement>(focused.tagName)].find((e) => called(e) === called(focused))?.focus({ preventScroll: true });
}
