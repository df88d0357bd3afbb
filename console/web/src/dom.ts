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

export function view(...children: Child[]): void {
  const at = document.getElementById("view");
  at?.replaceChildren(...children.filter((c): c is Node | string => Boolean(c)));
}
