// How times are said: how long ago for a glance, the clock where it matters.
export function ago(iso: string, now: number): string {
  const s = Math.max(0, Math.round((now - Date.parse(iso)) / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d`;
}

export function clock(iso: string, now: number): string {
  const at = new Date(iso);
  const hm = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
  if (now - at.getTime() < 20 * 3600e3) return hm;
  return `${at.toLocaleDateString([], { month: "short", day: "numeric" })} ${hm}`;
}

export function utc(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}
