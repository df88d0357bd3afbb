const most = 8000; // rows that a page has for somebody who reads what is not the newest
const near = 500; // rows on either side of what is read that stay

// still changes a list above what is read, and leaves that where it is.
export function still(list: HTMLElement, change: () => void): void {
  const height = list.scrollHeight, top = list.scrollTop;
  change();
  list.scrollTop = top + list.scrollHeight - height;
}

// cutBelow takes the lower rows out of a list that has too many.
export function cutBelow(list: HTMLElement, read: HTMLElement | null): Element[] {
  const rows = [...list.children], at = read ? rows.indexOf(read) : 0;
  const cut = rows.slice(Math.max(most, at + near));
  for (const row of cut) row.remove();
  return cut;
}

// cutAbove takes the upper ones out, leaves what is read where it is, and says whether there were any.
export function cutAbove(list: HTMLElement, read: HTMLElement | null): boolean {
  const rows = [...list.children], at = read ? rows.indexOf(read) : 0;
  const cut = rows.slice(0, Math.max(0, Math.min(rows.length - most, at - near)));
  if (cut.length > 0) still(list, () => cut.forEach((row) => row.remove()));
  return cut.length > 0;
}

// lastAt is the time of the last line; "": there is none.
export function lastAt(rows: ParentNode): string {
  return [...rows.querySelectorAll<HTMLElement>(".row[data-at]")].at(-1)?.dataset["at"] ?? "";
}

export function atEnd(list: HTMLElement): boolean {
  return list.scrollHeight - list.scrollTop - list.clientHeight < 40;
}
