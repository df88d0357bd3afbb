// Builds the page into dist, which the Go program embeds. Nothing is loaded from elsewhere at run time.
import { build } from "esbuild";
import { copyFile, mkdir } from "node:fs/promises";

await mkdir("dist", { recursive: true });
await build({
  entryPoints: { app: "src/main.ts" },
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022", "safari16"],
  outdir: "dist",
  legalComments: "eof",
});
for (const name of ["index.html", "icon.svg"]) {
  await copyFile(`src/${name}`, `dist/${name}`);
}
