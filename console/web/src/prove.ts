import { get as show, why } from "./passkey";
import { get, post, Refused } from "./server";
import { sheet } from "./sheet";

// Cancelled is that somebody did not want to show their passkey.
export class Cancelled extends Error {}

// proven does what the server wants a fresh passkey for: a shell, say. When it refuses with the code prove, a sheet asks for the
// passkey, and run is called once more. It throws Cancelled, and whatever run throws.
export async function proven<T>(title: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (err) {
    if (!(err instanceof Refused) || err.code !== "prove") throw err;
  }
  await ask(title);
  return run();
}

// fresh is proven for what can't be refused in words, such as a WebSocket: it asks for the passkey first when that will be needed.
export function fresh(title: string): Promise<void> {
  return proven(title, () => get<void>("/console/fresh"));
}

// ask has the challenge before the tap: browsers show a passkey only to a hand, and soon after it.
async function ask(title: string): Promise<void> {
  const options = await post("/console/prove/begin");
  await new Promise<void>((done, failed) => {
    sheet({
      title, lines: ["Your passkey was asked for more than 15 minutes ago."], act: "Show your passkey", calm: true,
      run: () => {
        show(options).catch((err: unknown) => { throw new Cancelled(why(err)); })
          .then((credential) => post("/console/prove/finish", { credential })).then(() => done(), failed);
      },
      left: () => failed(new Cancelled("Nothing was opened.")),
    });
  });
}
