import { connect as connectTo } from "@virtmesh/kit/grpc-client";
import { tlsFrom } from "@virtmesh/kit/tls";
import { VirtError } from "@virtmesh/core/errors";
import { describeError, errorJson } from "./describe-error.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { GLOBAL_OPTIONS, parseCommandLine, UsageEnd } from "./program.ts";
import { Rpc } from "./rpc.ts";
import type { Globals, Session } from "./session.ts";
import { completeWords } from "./shell/complete.ts";
import { candidates } from "./shell/live.ts";
import { type Streams, Terminal } from "./terminal.ts";
import { Given, parseNumber } from "./verb.ts";
import { VERBS } from "./verbs/all.ts";

/** What a command takes from its process. */
export interface Surroundings {
  readonly streams: Streams;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls back at every Ctrl-C. */
  onInterrupt(listener: () => void): Disposable;
}

const DEFAULT_GATEWAY = "localhost:7770";

/** Runs one command line (without the program's name) and gives its exit status. */
export async function run(words: readonly string[], around: Surroundings): Promise<number> {
  if (words[0] === "__complete") return complete(words.slice(words[1] === "--" ? 2 : 1), around);
  let json = words.includes("--json");
  let gateway = "";
  try {
    const { verb, given, globals } = parseCommandLine(VERBS, words, around.streams);
    const settled = globalsFrom(globals, around.env);
    ({ json, gateway } = settled);
    await using opened = await open(settled, around);
    await verb.run(opened.session, given);
    return EXIT.ok;
  } catch (e) {
    if (e instanceof UsageEnd) return e.exitCode;
    if (json) around.streams.stderr.write(`${JSON.stringify(errorJson(e))}\n`);
    else for (const line of describeError(e, gateway)) around.streams.stderr.write(`${line}\n`);
    return exitCodeOf(e);
  }
}

/** Options first, then the environment. */
export function globalsFrom(options: Readonly<Record<string, unknown>>, env: Surroundings["env"]): Globals {
  const given = new Given([], options);
  return {
    connect: given.text("connect") || (env["VIRTMESH_URI"] ?? ""),
    gateway: given.text("gateway") || (env["VIRTMESH_GATEWAY"] ?? DEFAULT_GATEWAY),
    tlsDir: given.text("tlsDir") || (env["VIRTMESH_TLS_DIR"] ?? ""),
    json: given.flag("json"),
    quiet: given.flag("quiet"),
    timeoutMs: parseNumber("--timeout", given.text("timeout") || "30") * 1000,
  };
}

async function open(
  globals: Globals,
  around: Surroundings,
): Promise<AsyncDisposable & { readonly session: Session }> {
  const tls = globals.tlsDir === "" ? undefined : await tlsFrom(globals.tlsDir);
  const channel = connectTo(globals.gateway, { tls });
  const abort = new AbortController();
  const takers: (() => void)[] = [];
  const interrupts = around.onInterrupt(() => {
    const taker = takers.at(-1);
    if (taker !== undefined) taker();
    else abort.abort(new VirtError("CANCELLED", "interrupted"));
  });
  const session: Session = {
    globals,
    rpc: new Rpc(channel, abort.signal, globals.timeoutMs),
    terminal: new Terminal(around.streams, globals),
    signal: abort.signal,
    onInterrupt(act) {
      takers.push(act);
      return { [Symbol.dispose]: () => void takers.splice(takers.indexOf(act), 1) };
    },
  };
  return {
    session,
    async [Symbol.asyncDispose]() {
      interrupts[Symbol.dispose]();
      channel.close();
    },
  };
}

/** How long a shell waits for candidates at most. */
const COMPLETION_SECONDS = "2";

/** `virtmesh __complete -- WORD...`: candidates for the last word, one a line. Silent when the mesh does not answer. */
async function complete(words: readonly string[], around: Surroundings): Promise<number> {
  const completion = completeWords(VERBS, GLOBAL_OPTIONS, words);
  const { connect, gateway, tlsDir } = completion;
  const globals = globalsFrom({ connect, gateway, tlsDir, timeout: COMPLETION_SECONDS }, around.env);
  try {
    await using opened = await open(globals, around);
    for (const line of await candidates(opened.session, completion)) around.streams.stdout.write(`${line}\n`);
    return EXIT.ok;
  } catch (e) {
    return exitCodeOf(e);
  }
}
