import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { ConsoleStream } from "@virtmesh/core/driver/domains";
import { programLine, terminalLine } from "./console-lines.ts";
import { type ConsoleLine, Consoles } from "./consoles.ts";

const never = new Promise<void>(() => undefined);

/** What a console says next, until it has said that. */
async function until({ output }: ConsoleStream, text: string): Promise<string> {
  let said = "";
  for await (const chunk of output) {
    said += Buffer.from(chunk).toString("latin1");
    if (said.includes(text)) return said;
  }
  throw new Error(`the console ended after ${said}`);
}

async function hasEnded(console: ConsoleStream): Promise<void> {
  await expect(until(console, "never")).rejects.toThrow("the console ended");
}

async function open(line: () => ConsoleLine, ended = never): Promise<ConsoleStream> {
  return await new Consoles().open({ key: "web", whose: 'guest "web"', line, force: false, ended });
}

/** A terminal as a hypervisor makes one: what is written to its other end comes out of ours, and the other way round. */
async function hypervisor() {
  const script = spawn("script", ["-qc", "stty raw -echo; tty; exec sleep 60", "/dev/null"], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const [path] = (await once(createInterface({ input: script.stdout }), "line")) as [string];
  return {
    ...{ path: path.trim(), far: script.stdin, heard: script.stdout },
    [Symbol.asyncDispose]: async () => {
      const closed = once(script, "close");
      script.kill("SIGKILL");
      await closed;
    },
  };
}

describe("the console that a terminal is", () => {
  it("carries every byte both ways as it is", async () => {
    await using host = await hypervisor();
    await using console = await open(() => terminalLine(host.path));
    host.far.write("up\r\n\x03\x04\x7f\x11.");
    expect(await until(console, ".")).toBe("up\r\n\x03\x04\x7f\x11.");
    const heard = once(host.heard, "data");
    await console.write(Buffer.from("ls\n\x03."));
    expect(String((await heard)[0])).toBe("ls\n\x03.");
  });

  it("ends when the hypervisor lets go of it", async () => {
    const host = await hypervisor();
    await using console = await open(() => terminalLine(host.path));
    await Promise.all([hasEnded(console), host[Symbol.asyncDispose]()]);
  });

  it("cannot be opened when it is not there", async () => {
    await expect(open(() => terminalLine("/dev/pts/none"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("the console that a program shows", () => {
  it("carries what is typed and said, and ends with its guest", async () => {
    const ended = Promise.withResolvers<void>();
    await using console = await open(() => programLine(["cat"]), ended.promise);
    await console.write(Buffer.from("hello\n"));
    expect(await until(console, "\n")).toBe("hello\n");
    ended.resolve();
    await hasEnded(console);
  });
});

describe("consoles", () => {
  it("have one reader, until another takes it by force", async () => {
    await using consoles = new Consoles();
    const opening = (force: boolean) => ({
      ...{ key: "web", whose: 'guest "web"', line: () => programLine(["cat"]), force, ended: never },
    });
    await using first = await consoles.open(opening(false));
    await expect(consoles.open(opening(false))).rejects.toMatchObject({
      reason: "CONSOLE_BUSY",
      message: expect.stringContaining('guest "web"'),
    });
    await using second = await consoles.open(opening(true));
    await hasEnded(first);
    await second.write(Buffer.from("mine"));
    expect(await until(second, "mine")).toBe("mine");
  });
});
