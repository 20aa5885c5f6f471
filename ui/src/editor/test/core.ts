/**
 * The real core, on a line: a child process that holds a document and its sessions (`core_harness.rs`).
 *
 * `SHEAF_CORE_HARNESS` names the program; otherwise it is looked for where cargo puts it, and built when it is not there.
 */
import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Item } from "../../core/types/Item";
import type { ToCore } from "../../core/types/ToCore";
import type { ToWindow } from "../../core/types/ToWindow";

const ROOT = resolve(import.meta.dirname, "../../../..");

/** What the core answers to one command. */
export interface Answer {
  r: string;
  items?: Item[];
  checksum?: number;
  error?: string;
  out: { session: number; message: ToWindow }[];
}

/** A command to the core; see the harness. */
export type CoreCommand =
  | { c: "open" | "close" | "sessionItems"; session: number }
  | { c: "message"; session: number; message: ToCore }
  | { c: "remote"; seed: number }
  | { c: "merge" | "items" }
  | { c: "tick"; ms: number }
  | { c: "load"; items: Item[] }
  | { c: "carets"; places: number[] }
  | { c: "readOnly"; reason: string | null };

/** Where the harness is, built if need be. */
export function harness(): string {
  const named = process.env.SHEAF_CORE_HARNESS;
  if (named !== undefined) return named;
  const target = process.env.CARGO_TARGET_DIR ?? resolve(ROOT, "target");
  const path = resolve(target, "debug/examples", process.platform === "win32" ? "core_harness.exe" : "core_harness");
  if (!existsSync(path)) {
    execFileSync("cargo", ["build", "-q", "-p", "sheaf-document", "--example", "core_harness"], { cwd: ROOT, stdio: "inherit" });
  }
  return path;
}

/** A running core. */
export class Core {
  private readonly waiting: ((line: string) => void)[] = [];
  private readonly child: ChildProcessWithoutNullStreams;
  private gone: string | null = null;

  constructor() {
    this.child = spawn(harness(), { stdio: "pipe" });
    let errors = "";
    this.child.stderr.on("data", (data: Buffer) => (errors = (errors + data.toString()).slice(-4_000)));
    this.child.on("exit", (code) => {
      this.gone = `The core ended (${String(code)}). ${errors}`;
      for (const answer of this.waiting.splice(0)) answer(JSON.stringify({ r: "gone", error: this.gone, out: [] }));
    });
    createInterface({ input: this.child.stdout }).on("line", (line) => this.waiting.shift()?.(line));
  }

  /** Says one thing and waits for the answer. Throws what the core calls an error. */
  async say(command: CoreCommand): Promise<Answer> {
    if (this.gone !== null) throw new Error(this.gone);
    const line = new Promise<string>((resolve) => this.waiting.push(resolve));
    this.child.stdin.write(`${JSON.stringify(command)}\n`);
    const answer = JSON.parse(await line) as Answer;
    if (answer.error !== undefined) throw new Error(`${JSON.stringify(command)}: ${answer.error}`);
    return answer;
  }

  /** Ends the process. */
  stop(): void {
    this.child.removeAllListeners("exit");
    this.child.kill();
  }
}
