// keepFocus gives the focus back to a button that had it when it was disabled, once it is enabled, unless somebody has gone on from there: who
// uses a keyboard, or hears the page, would begin at its top.
export function keepFocus(): void {
  let last: EventTarget | null = null;
  addEventListener("focusin", (e) => { last = e.target; });
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      if (target instanceof HTMLButtonElement && target === last && !target.disabled && document.activeElement === document.body) target.focus({ preventScroll: true });
    }
  }).observe(document, { subtree: true, attributeFilter: ["disabled"] });
}
