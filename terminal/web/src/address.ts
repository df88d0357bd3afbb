// seatID names the session of whoever came from the console; null: a link has led here, and a cookie stands for the session.
export function seatID(): string | null {
  return new URLSearchParams(location.search).get("session");
}

// at is an address of the bot's for this page's session.
export function at(path: string, query: Record<string, string> = {}): string {
  const id = seatID(), all = new URLSearchParams(id ? { ...query, session: id } : query).toString();
  return all ? `${path}?${all}` : path;
}
