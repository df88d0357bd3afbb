export type Line = { up: boolean; since: number }; // since when it is as it is; ms

type Heard = { view(v: unknown, at: string): void; alive(at: string): void; line(l: Line): void; trouble(says: string): void; over(code: string): void };

// page tells the bot which streams are this page's: the next one takes the place of one that broke. It is made up in a way that a page without
// https has as well, which must get as far as to say that the console is closed there.
const page = `page=${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;

// silence is how long nothing may come: the server says something every ten seconds.
const silence = 16_000;

// follow hears what the server sends of Home, or of the container that what names, until it is over, and comes back after whatever goes wrong. What it returns ends it.
export function follow(what: string, heard: Heard): () => void {
  let source: EventSource | undefined;
  let timer = 0, wait = 500, up = false, last = Date.now(), done = false;
  const say = (now: boolean) => {
    if (now !== up || !now) heard.line({ up: now, since: now ? Date.now() : last });
    up = now;
  };
  const lost = () => {
    source?.close();
    clearTimeout(timer);
    if (done) return;
    say(false);
    timer = window.setTimeout(open, wait);
    wait = Math.min(wait * 1.7, 5_000);
  };
  const alive = () => {
    last = Date.now();
    wait = 500;
    say(true);
    clearTimeout(timer);
    timer = window.setTimeout(lost, silence);
  };
  const open = () => {
    clearTimeout(timer);
    source?.close();
    timer = window.setTimeout(lost, silence);
    source = new EventSource(`/console/live${what}${what ? "&" : "?"}${page}`);
    source.onerror = () => {
      lost();
      void fetch("/console/session", { cache: "no-store" }).then((r) => { if (r.status === 401) stop("session_over"); }, () => undefined);
    };
    const shown = (e: MessageEvent<string>) => {
      alive();
      const { view, at } = JSON.parse(e.data) as { view: unknown; at: string };
      heard.view(view, at);
    };
    source.addEventListener("home", shown);
    source.addEventListener("container", shown);
    source.addEventListener("incident", shown);
    source.addEventListener("alive", (e) => { alive(); heard.alive((JSON.parse(e.data) as { at: string }).at); });
    source.addEventListener("trouble", (e) => { alive(); heard.trouble((JSON.parse(e.data) as { says: string }).says); });
    source.addEventListener("ended", (e) => {
      const { code } = JSON.parse(e.data) as { code: string };
      if (code === "stopping") lost();
      else stop(code);
    });
  };
  const stop = (code: string) => {
    if (done) return;
    end();
    heard.over(code);
  };
  const hurry = () => { if (!up && !document.hidden) { wait = 500; open(); } };
  const offline = () => lost();
  const end = () => {
    done = true;
    clearTimeout(timer);
    source?.close();
    removeEventListener("online", hurry);
    removeEventListener("offline", offline);
    document.removeEventListener("visibilitychange", hurry);
  };
  addEventListener("online", hurry);
  addEventListener("offline", offline);
  document.addEventListener("visibilitychange", hurry);
  open();
  return end;
}
