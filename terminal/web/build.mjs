// Builds the page into dist, which the Go program embeds. Nothing is loaded from elsewhere at run time.
import { build } from "esbuild";
import { mkdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { empty, hashed, pack, page } from "./pack.mjs";

await mkdir("dist", { recursive: true });
await empty("dist");
const { metafile } = await build({
  entryPoints: { app: "src/main.ts", shell: "src/shell.ts" },
  bundle: true,
  minify: true,
  format: "esm",
  splitting: true, // the terminal emulator is most of the code, and the logs don't need it: part.ts loads it
  target: ["es2022", "safari16"],
  outdir: "dist",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  legalComments: "eof",
  metafile: true,
});
const files = { "icon.svg": await hashed("src/icon.svg", "dist") };
for (const out of Object.keys(metafile.outputs)) {
  const name = basename(out);
  files[name.startsWith("chunk-") ? name : name.replace(/-[0-9A-Z]{8}(?=\.)/, "")] = name; // several chunks, one name
}

// The player of recordings is one script and one style sheet, which a post-mortem holds inline: see incidents.Player.
const { version } = JSON.parse(await readFile("node_modules/asciinema-player/package.json", "utf8"));
const player = await build({
  entryPoints: { player: "src/player.ts" },
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022", "safari16.4"],
  outdir: "dist",
  entryNames: "[name]-[hash]",
  banner: { js: `/*! with asciinema-player ${version}, (c) Marcin Kulik, Apache License 2.0 */` },
  metafile: true,
});
for (const out of Object.keys(player.metafile.outputs)) files[basename(out).replace(/-[0-9A-Z]{8}(?=\.)/, "")] = basename(out);
await pack("dist", files);
const imports = (file) => metafile.outputs[`dist/${file}`].imports.filter((i) => i.kind === "import-statement").map((i) => basename(i.path));
await page("src/index.html", "dist", files, "/t/assets/", imports);
