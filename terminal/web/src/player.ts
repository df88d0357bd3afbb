// Plays the recordings that a post-mortem holds. Each lies in the page compressed, and is unpacked when somebody plays it: nothing is
// loaded from elsewhere, so that it works from a file as well.
import { create } from "asciinema-player";
import "asciinema-player/dist/bundle/asciinema-player.css";
import "./player.css";

type Moment = { at: number; label: string };

for (const place of document.querySelectorAll<HTMLElement>("[data-cast]")) offer(place);

function offer(place: HTMLElement): void {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Play the recording";
  button.addEventListener("click", () => void play(place, button));
  place.replaceChildren(button);
  if (place.dataset["now"] !== undefined) void play(place, button); // the page is there for it alone
}

async function play(place: HTMLElement, button: HTMLButtonElement): Promise<void> {
  button.disabled = true;
  try {
    const text = await unpack(document.getElementById(`cast-${place.dataset["cast"]}`)?.textContent ?? "");
    show(place, text);
  } catch (e) {
    place.replaceChildren(`The recording can't be played in this browser: ${e instanceof Error ? e.message : String(e)}`);
  }
}

// unpack reads what the page holds: gzip in base64.
async function unpack(packed: string): Promise<string> {
  const bytes = Uint8Array.from(atob(packed.trim()), (c) => c.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

function show(place: HTMLElement, text: string): void {
  const screen = document.createElement("div");
  const moments = momentsOf(text);
  place.replaceChildren(screen);
  const player = create({ data: text }, screen, { fit: "width", controls: true, idleTimeLimit: 2, preload: true, terminalFontFamily: "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" });
  if (moments.length > 0) place.append(list(moments, (n) => void player.seek({ marker: n })));
  void player.play().then(() => place.scrollIntoView({ block: "nearest" }));
  screen.querySelector<HTMLElement>("[tabindex]")?.focus({ preventScroll: true }); // Space, arrows, [ and ] are the player's keys
}

// list makes the moments reachable without hovering over a bar.
function list(moments: Moment[], seek: (n: number) => void): HTMLElement {
  const all = document.createElement("ol");
  all.className = "moments";
  moments.forEach((m, n) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = m.label;
    button.addEventListener("click", () => seek(n));
    const item = document.createElement("li");
    item.append(button);
    all.append(item);
  });
  return all;
}

// momentsOf reads the markers of an asciicast of version 3, whose times are those since the event before.
function momentsOf(text: string): Moment[] {
  const moments: Moment[] = [];
  let at = 0;
  for (const [, seconds, code, data] of text.matchAll(/^\[([\d.]+),"(.)",(.*)\]$/gm)) {
    at += Number(seconds);
    if (code === "m") moments.push({ at, label: JSON.parse(data ?? '""') as string });
  }
  return moments;
}
