import { Child, run } from "./process.ts";

const script = (code: string): string[] => [process.execPath, "-e", code];

describe("running a program to its end", () => {
  it("gives what it wrote", async () => {
    expect(await run(["echo", "one"])).toEqual({ stdout: "one\n", stderr: "" });
  });

  it("fails with the last line it said", async () => {
    await expect(run(["sh", "-c", "echo first >&2; echo the reason >&2; exit 3"])).rejects.toMatchObject({
      reason: "HOST_SETUP",
      message: expect.stringContaining("the reason"),
    });
  });

  it("says when the program is not there", async () => {
    await expect(run(["no-such-program"])).rejects.toThrow('"no-such-program" failed: it is not installed');
  });
});

describe("a child process", () => {
  it("is ready when it says so", async () => {
    await using child = await Child.start(script("console.log('port 77'); setInterval(() => {}, 1000)"), {
      name: "it",
    });
    expect((await child.line(/port (\d+)/))[1]).toBe("77");
  });

  it("that ends too early fails the wait with what it said", async () => {
    await using child = await Child.start(script("console.error('no room'); process.exit(4)"), {
      name: "the server",
    });
    await expect(child.line(/ready/)).rejects.toThrow(
      "the server was not ready before it ended (exit code 4); it said:\nno room",
    );
  });

  it("is killed when it does not end in order", async () => {
    const code = "process.on('SIGTERM', () => {}); console.log('up'); setInterval(() => {}, 1000)";
    const child = await Child.start(script(code), { name: "it" });
    await child.line(/up/);
    expect(await child.stop(50)).toEqual({ code: null, signal: "SIGKILL" });
  });
});
