export function el<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`no element #${id}`);
  return found as T;
}

// show makes one of the page's three faces visible.
export function show(face: "gate" | "main" | "over"): void {
  for (const id of ["gate", "main", "over"]) el(id).hidden = id !== face;
}

export function showOver(title: string, text: string): void {
  el("over-title").textContent = title;
  el("over-text").textContent = text;
  document.title = `${title} · Snapback`;
  show("over");
  el("over-title").focus();
}

export function clock(when: Date, seconds = false): string {
  return when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false, ...(seconds ? { second: "2-digit" } : {}) });
}

// Storage is refused in some private windows; then things are forgotten, and nothing else.
export function remember(store: "local" | "session", key: string, value: string): void {
  try {
    (store === "local" ? localStorage : sessionStorage).setItem(key, value);
  } catch {
    return;
  }
}

export function recall(store: "local" | "session", key: string): string | null {
  try {
    return (store === "local" ? localStorage : sessionStorage).getItem(key);
  } catch {
    return null;
  }
}

export function forget(store: "local" | "session", key: string): void {
  try {
    (store === "local" ? localStorage : sessionStorage).removeItem(key);
  } catch {
    return;
  }
}
