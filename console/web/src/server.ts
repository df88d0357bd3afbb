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

// either is AbortSignal.any, which phones have only since 2024.
function either(...signals: AbortSignal[]): AbortSignal {
  const all = new AbortController();
  for (const s of signals) {
    if (s.aborted) all.abort();
    s.addEventListener("abort", () => all.abort());
  }
  return all.signal;
}

export async function get<T>(path: string, gone?: AbortSignal): Promise<T> {
  const answer = await ask(path, gone ? { signal: either(gone, AbortSignal.timeout(patience)) } : {});
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

export async function post<T>(path: string, body: unknown = {}): Promise<T | undefined> {
  const answer = await ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  return answer.status === 204 ? undefined : (answer.json() as Promise<T>);
}
