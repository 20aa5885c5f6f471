// Runs a bench written in TypeScript through vite, as the tests are: `node bench/run.mjs bench/window.bench.ts`.
import { runnerImport } from "vite";

await runnerImport(process.argv[2] ?? "bench/window.bench.ts", { configFile: false, logLevel: "error" });
