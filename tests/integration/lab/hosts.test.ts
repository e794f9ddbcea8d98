import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Host, type Hosts, makeHosts } from "@virtmesh/lab/hosts";
import { Child, run } from "@virtmesh/lab/process";

/** A program that answers "up" to whoever connects. */
const SERVER = `require("net").createServer((s) => s.end("up")).listen(7000, () => console.log("listening"))`;
/** A program that connects, and says what came of it within three seconds: what is lost once is sent again after one. */
const client = (address: string): readonly string[] => [
  process.execPath,
  "-e",
  `const s = require("net").connect(7000, ${JSON.stringify(address)});
   s.on("data", (d) => console.log(String(d))).on("error", (e) => console.log(e.code)).on("close", () => process.exit());
   setTimeout(() => { console.log("silence"); process.exit(); }, 3_000);`,
];

let hosts: Hosts;
let a: Host;
let b: Host;

async function ask(from: Host, address: string): Promise<string> {
  return (await from.exec(client(address))).stdout.trim();
}

beforeAll(async () => {
  hosts = await makeHosts();
  [a, b] = hosts.hosts as [Host, Host];
  const server = await b.spawn([process.execPath, "-e", SERVER], { name: "server" });
  await server.line(/listening/);
});
afterAll(async () => await hosts[Symbol.asyncDispose]());

describe("hosts in network namespaces", () => {
  it("reach each other, and this computer reaches them", async () => {
    expect(await ask(a, b.address)).toBe("up");
    expect((await run(client(b.address))).stdout.trim()).toBe("up");
  });

  it("keep ports of their own", async () => {
    expect(await ask(a, a.address)).toBe("ECONNREFUSED");
  });

  it("hear nothing through a black hole, while others are heard, until it is healed", async () => {
    await a.blackhole(b);
    expect(await ask(a, b.address)).toBe("silence");
    expect((await run(client(b.address))).stdout.trim()).toBe("up");
    await a.heal();
    expect(await ask(a, b.address)).toBe("up");
  });

  it("can be cut off from everybody without a word", async () => {
    await b.blackhole();
    expect(await ask(a, b.address)).toBe("silence");
    await b.heal();
    expect(await ask(a, b.address)).toBe("up");
  });

  it("are told when their link is down", async () => {
    await a.linkDown();
    expect(await ask(a, b.address)).toBe("ENETUNREACH");
    await a.linkUp();
    expect(await ask(a, b.address)).toBe("up");
  });

  it("have file systems that fill up", async () => {
    const folder = await a.tmpfs(1024 * 1024);
    await expect(writeFile(join(folder, "big"), Buffer.alloc(2 * 1024 * 1024))).rejects.toThrow("ENOSPC");
  });

  it("are gone with all they had after dispose", async () => {
    const other = await makeHosts({ names: ["host-c"] });
    const host = other.hosts[0] as Host;
    const folder = await host.tmpfs(1024 * 1024);
    const child = await host.spawn(["sleep", "1000"], { name: "sleep" });
    await other[Symbol.asyncDispose]();
    expect(await child.exited).toEqual({ code: null, signal: "SIGKILL" });
    expect(existsSync(folder)).toBe(false);
    expect(existsSync(host.enter[1]?.split("=")[1] ?? "")).toBe(false);
  });

  it("are removed by the next run when theirs was killed", async () => {
    const program = `
      import { makeHosts } from "@virtmesh/lab/hosts";
      const { hosts } = await makeHosts({ names: ["host-z"] });
      console.log(hosts[0].enter[1]);
      setInterval(() => {}, 1000);`;
    await using killed = await Child.start([process.execPath, "--input-type=module", "-e", program], {
      name: "another run",
    });
    const [, namespace = ""] = await killed.line(/--net=(.*)/, AbortSignal.timeout(20_000));
    expect(existsSync(namespace)).toBe(true);
    killed.kill("SIGKILL");
    await killed.exited;
    await using _next = await makeHosts({ names: ["host-y"] });
    expect(existsSync(namespace)).toBe(false);
  }, 60_000);
});
