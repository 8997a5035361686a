import { resolve } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { precompress } from "./build/precompress.ts";

/** Where the control plane serves the portal; tests run under the same path. */
const base = "/portal/";
/**
 * What as many parts of the portal use is one file: dozens of tiny ones cost more round trips than they save bytes. Not in it:
 * the terminal, what only forms and questions need, and what pages of people and roles share.
 */
const SHARED_BY = 4;
const NOT_BASE =
  /@xterm|\/src\/console\/|\/src\/pages\/(?:access|activity|identity|machines|scaleSets|sessions|vms)\/|@fluentui\/react-(?:combobox|dialog|drawer|field|input|label|radio|search|select|textarea|tooltip)\//;
const isBase = (id: string): boolean => !NOT_BASE.test(id);

/** The package's folder for built files; `make` may point elsewhere, for instance at a wheel's staging folder. */
const outDir = resolve(import.meta.dirname, process.env["OOB_WEB_OUT"] ?? "../src/outofband/http/web");

export default defineConfig({
  base,
  plugins: [react(), precompress()],
  build: {
    outDir,
    emptyOutDir: true,
    target: "es2022",
    assetsDir: "assets",
    // A data: URL for a script or font is refused by the page's policy; files are always files.
    assetsInlineLimit: 0,
    // One stylesheet: a part that is fetched later needs its script alone, and a script can be asked for again.
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [{ name: "base", test: isBase, minShareCount: SHARED_BY }],
        },
      },
    },
  },
  test: {
    environment: "happy-dom",
    environmentOptions: { happyDOM: { url: "https://localhost:8443/portal/" } },
    include: ["src/**/*.test.{ts,tsx}", "tests/**/*.test.{ts,tsx}"],
    setupFiles: ["tests/setup.ts"],
    env: { BASE_URL: base },
    restoreMocks: true,
  },
});
