import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { VirtError } from "@virtmesh/core/errors";
import { fatalLine } from "./process.ts";

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** A real process around runMain. It prints "up" when it serves. */
function start(main: string): {
  readonly child: ChildProcess;
  readonly up: Promise<void>;
  readonly ended: Promise<Ended>;
} {
  const script = `
    import { runMain } from "./process.ts";
    import { EarlyExit } from "./early-exit.ts";
    import { VirtError } from "@virtmesh/core/errors";
    await runMain(${main}, { graceMs: 200 });`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], { cwd: __dirname });
  let out = "";
  let err = "";
  const up = Promise.withResolvers<void>();
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
    if (out.includes("up")) up.resolve();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, out, err }));
  return { child, up: up.promise, ended };
}

describe("runMain", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("ends everything on %s and exits with 0", async (signal) => {
    const { child, up, ended } = start(
      `async (scope) => { scope.defer(() => console.log("ended")); setInterval(() => {}, 1000); console.log("up"); }`,
    );
    await up;
    child.kill(signal);
    expect(await ended).toEqual({ code: 0, out: "up\nended\n", err: "" });
  });

  it("exits with the number that main returns, after ending everything", async () => {
    const { ended } = start(`async (scope) => { scope.defer(() => console.log("ended")); return 3; }`);
    expect(await ended).toEqual({ code: 3, out: "ended\n", err: "" });
  });

  it("prints a fatal error in one line and exits with 1, or 2 for a wrong configuration", async () => {
    const failing = start(
      `async () => { throw new VirtError("HOST_SETUP", "cannot listen", {}, { cause: new Error("in use") }); }`,
    );
    expect(await failing.ended).toEqual({ code: 1, out: "", err: "fatal: cannot listen: in use\n" });
    const wrong = start(`async () => { throw new VirtError("INVALID_FIELD", "--port is odd"); }`);
    expect(await wrong.ended).toMatchObject({ code: 2, err: "fatal: --port is odd\n" });
  });

  it("ends everything also when a promise that nobody awaited fails", async () => {
    const { ended } = start(
      `async (scope) => { scope.defer(() => console.log("ended")); setImmediate(() => void Promise.reject(new VirtError("PROTOCOL", "lost"))); }`,
    );
    expect(await ended).toEqual({ code: 1, out: "ended\n", err: "fatal: lost\n" });
  });

  it("gives up on a disposal that takes too long", async () => {
    const { child, up, ended } = start(
      `async (scope) => { scope.defer(() => new Promise(() => {})); setInterval(() => {}, 1000); console.log("up"); }`,
    );
    await up;
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({
      code: 1,
      err: "fatal: the shutdown took longer than 0.2 s and was broken off\n",
    });
  });

  it("exits at once on a second signal", async () => {
    const { child, up, ended } = start(
      `async (scope) => { scope.defer(() => { console.log("ending"); process.kill(process.pid, "SIGTERM"); return new Promise(() => {}); }); setInterval(() => {}, 1000); console.log("up"); }`,
    );
    await up;
    child.kill("SIGTERM");
    expect(await ended).toEqual({ code: 143, out: "up\nending\n", err: "" });
  });

  it("prints the text of an early exit and ends well", async () => {
    const { ended } = start(`async () => { throw new EarlyExit("usage\\n"); }`);
    expect(await ended).toEqual({ code: 0, out: "usage\n", err: "" });
  });
});

describe("fatalLine", () => {
  it("is one line, and does not repeat a cause that the message has already said", () => {
    const cause = new Error("in\n  use");
    expect(fatalLine(new VirtError("HOST_SETUP", "cannot listen: in use", {}, { cause }))).toBe(
      "fatal: cannot listen: in use",
    );
  });
});
