// The on-screen keyboard covers part of the page on some phones instead of shrinking it. The visual viewport is what is
// left; the page is made as high as that.
export function followViewport(): void {
  const view = window.visualViewport;
  if (!view) return;
  const height = (): number => view.height * view.scale; // whoever looks closer with two fingers has no smaller page
  const follow = (): void => {
    document.documentElement.style.setProperty("--height", `${height()}px`);
    if (view.scale === 1) window.scrollTo(0, 0);
    document.body.classList.toggle("keyboard", height() < window.screen.height * 0.6);
  };
  // Where the keyboard leaves little, as in landscape, what is typed into gets all of it.
  const cramp = (): void => {
    const typing = document.activeElement instanceof HTMLTextAreaElement || document.activeElement instanceof HTMLInputElement;
    document.body.classList.toggle("cramped", typing && height() < 360);
  };
  for (const kind of ["focusin", "focusout"]) document.addEventListener(kind, () => setTimeout(cramp));
  view.addEventListener("resize", cramp);
  view.addEventListener("resize", follow);
  view.addEventListener("scroll", follow);
  follow();
}
