const prefix = "snapback.note.";

// A draft is what somebody has begun to write about an incident. It outlives a reload, a page that a phone has let go of, and the way to
// another page and back, in this tab. It is gone once it is on the timeline, or its person signs out.
export function draft(incident: number): string {
  try {
    return sessionStorage.getItem(prefix + incident) ?? "";
  } catch {
    return ""; // refused in some private windows
  }
}

export function keepDraft(incident: number, text: string): void {
  try {
    if (text) sessionStorage.setItem(prefix + incident, text);
    else sessionStorage.removeItem(prefix + incident);
  } catch {
    return;
  }
}

export function dropDrafts(): void {
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(prefix)) sessionStorage.removeItem(key);
  } catch {
    return;
  }
}
