// Refused is what the server says when it does not do something. Its text is for people.
export class Refused extends Error {
  constructor(readonly code: string, text: string) {
    super(text);
  }
}

// Away is that there was no answer at all.
export class Away extends Error {}

const patience = 15_000;

async function ask(path: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { cache: "no-store", credentials: "same-origin", redirect: "error", signal: AbortSignal.timeout(patience), ...init });
  } catch {
    throw new Away("No answer from the bot. Are you online?");
  }
  if (answer.ok) return answer;
  const problem = (await answer.json().catch(() => ({}))) as { code?: string; detail?: string };
  throw new Refused(problem.code ?? String(answer.status), problem.detail ?? `The server said ${answer.status}.`);
}

// get is given up when gone is over, or after as long as all else. Phones have AbortSignal.any only since 2024. It leaves nothing at gone: a page
// that is open all night asks again and again.
export async function get<T>(path: string, gone?: AbortSignal): Promise<T> {
  const asking = new AbortController(), stop = (): void => asking.abort(), limit = setTimeout(stop, patience);
  if (gone?.aborted) stop();
  gone?.addEventListener("abort", stop);
  try {
    const answer = await ask(path, { signal: asking.signal });
    return (answer.status === 204 ? undefined : await answer.json()) as T;
  } finally {
    clearTimeout(limit);
    gone?.removeEventListener("abort", stop);
  }
}

export async function post<T>(path: string, body: unknown = {}): Promise<T | undefined> {
  const answer = await ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  return answer.status === 204 ? undefined : (answer.json() as Promise<T>);
}
