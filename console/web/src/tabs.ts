// walk has the arrow keys go from tab to tab, as those expect who go through a list of tabs by keyboard. Tabs that are links answer the space
// bar as well.
export function walk(list: HTMLElement): void {
  list.addEventListener("keydown", (e) => {
    const tabs = [...list.querySelectorAll<HTMLElement>('[role="tab"]')].filter((t) => t.offsetParent !== null);
    const at = tabs.indexOf(document.activeElement as HTMLElement), to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[e.key];
    if (at < 0) return;
    if (to !== undefined) tabs.at(to % tabs.length)?.focus();
    else if (e.key === " " && tabs[at] instanceof HTMLAnchorElement) tabs[at].click();
    else return;
    e.preventDefault();
  });
}
