import { post } from "./server";

export type View = "logs" | "shell" | "errors";

// openTerminal opens a container's logs, shell or errors, in the place of this page: tabs are no steps to go back by. Logs begin at a restore
// if one is named. The session that the server answers with belongs to the one of the console, and its ID opens nothing by itself.
export async function openTerminal(key: string, view: View, restore?: number): Promise<void> {
  const seat = await post<{ session: string; unsure?: boolean }>("/console/terminal", { key, restore });
  if (!seat) return;
  try {
    sessionStorage.setItem("snapback.view", `${seat.session} ${view}`);
    sessionStorage.setItem("snapback.unsure", seat.unsure ? seat.session : ""); // nobody could say whether a shell is allowed
  } catch {
    // refused in some private windows: then the logs come first
  }
  location.replace(`/t?session=${encodeURIComponent(seat.session)}`);
}

// pageOf is the console's page of a container.
export function pageOf(key: string, tab: "changes" | "snapshots" = "changes"): string {
  return `/#/c/${encodeURIComponent(key)}/${tab}`;
}
