// Builds the page into dist, which the Go program embeds. Nothing is loaded from elsewhere at run time.
import { build } from "esbuild";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { empty, hashed, pack, page } from "../../terminal/web/pack.mjs";

const folder = "/console/assets/";
await mkdir("dist", { recursive: true });
await empty("dist");
const { metafile } = await build({
  entryPoints: { app: "src/main.ts" },
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "safari16"],
  outdir: "dist",
  entryNames: "[name]-[hash]",
  metafile: true,
});
const files = {};
for (const name of ["icon.svg", "icon-180.png", "icon-192.png", "icon-512.png", "icon-mask.png"]) files[name] = await hashed(`src/${name}`, "dist");
for (const out of Object.keys(metafile.outputs)) files[basename(out).replace(/-[0-9A-Z]{8}(?=\.)/, "")] = basename(out);

// The manifest names the icons as they are served, and goes through a file of its own name so that it is hashed like them.
const icon = (name, sizes, purpose) => ({ src: folder + files[name], sizes, type: "image/png", purpose });
await writeFile("dist/app.webmanifest", JSON.stringify({
  id: "/", name: "Snapback", short_name: "Snapback", description: "Production on the phone", start_url: "/", scope: "/", display: "standalone",
  background_color: "#0d1216", theme_color: "#0d1216",
  icons: [icon("icon-192.png", "192x192", "any"), icon("icon-512.png", "512x512", "any"), icon("icon-mask.png", "512x512", "maskable")],
}));
files["app.webmanifest"] = await hashed("dist/app.webmanifest", "dist");
await rm("dist/app.webmanifest");
await pack("dist", files);
await page("src/index.html", "dist", files, folder, () => []);
