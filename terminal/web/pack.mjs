// Puts what a browser may keep for ever into a folder that the Go package internal/assets serves: each file's name holds a
// hash of what is in it, and beside it lie the same bytes in brotli and gzip where that makes them fewer.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { basename, extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

// empty removes what an earlier build has left, under names that are no longer in use.
export async function empty(dist) {
  for (const name of await readdir(dist).catch(() => [])) if (name !== ".keep") await rm(join(dist, name), { recursive: true });
}

// hashed copies a file under a name of its contents, and returns that name.
export async function hashed(from, dist) {
  const body = await readFile(from);
  const hash = createHash("sha256").update(body).digest("hex").slice(0, 8).toUpperCase();
  const name = `${basename(from, extname(from))}-${hash}${extname(from)}`;
  await writeFile(join(dist, name), body);
  return name;
}

// pack compresses the files, and writes the manifest: which file stands for which name of the sources.
export async function pack(dist, files) {
  for (const name of Object.values(files)) {
    const body = await readFile(join(dist, name));
    const smaller = {
      br: brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: body.length } }),
      gz: gzipSync(body, { level: 9 }),
    };
    for (const [ext, bytes] of Object.entries(smaller)) if (bytes.length < body.length) await writeFile(join(dist, `${name}.${ext}`), bytes);
  }
  await writeFile(join(dist, "manifest.json"), JSON.stringify(files, null, 1) + "\n");
}

// page fills the places {{asset NAME}} of a document with the files' names, and {{preload NAME}} with a line for each file
// that a script begins by loading, so that none waits for another to be read. Nothing in it may need the spaces that a line begins with.
export async function page(from, dist, files, folder, imports) {
  const known = (name) => files[name] ?? fail(`${from} wants ${name}, which is not there`);
  const line = (file) => `<link rel="modulepreload" href="${folder}${file}">`;
  const html = (await readFile(from, "utf8"))
    .replace(/\{\{asset ([^}]+)\}\}/g, (_, name) => known(name))
    .replace(/^ +/gm, "")
    .replace(/\{\{preload ([^}]+)\}\}/g, (_, name) => imports(known(name)).map(line).join("\n"));
  await writeFile(join(dist, basename(from)), html);
}

function fail(text) {
  throw new Error(text);
}
