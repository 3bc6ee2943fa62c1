import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

// A `vigil serve` to develop against.
const vigil = process.env["VIGIL_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [preact({ devToolsEnabled: false, prefreshEnabled: true })],
  build: {
    assetsInlineLimit: 0, // the content security policy allows no data: addresses
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    target: "es2022",
  },
  server: { proxy: { "/api": vigil, "/media": vigil, "/whip": vigil, "/whep": vigil } },
});
