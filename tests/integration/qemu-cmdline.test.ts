import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { completeDomain } from "@virtmesh/documents/domain/complete";
import { parseDomain } from "@virtmesh/documents/domain/document";
import { completeQemuDomain } from "@virtmesh/documents/domain/semantics/qemu/complete";
import { probe } from "@virtmesh/qemu-agent/capabilities/probe";
import { traitsOf } from "@virtmesh/qemu-agent/capabilities/traits";
import { buildCommandLine } from "@virtmesh/qemu-agent/cmdline/build";
import { formatNodeName } from "@virtmesh/qemu-agent/cmdline/node-names";
import type { Runtime } from "@virtmesh/qemu-agent/cmdline/runtime";
import { RUNTIME } from "@virtmesh/qemu-agent/cmdline/testing/fixture";
import { HandedSocket } from "@virtmesh/qemu-agent/process/handed-socket";
import { LogFile } from "@virtmesh/qemu-agent/process/log-file";
import { QemuProcess } from "@virtmesh/qemu-agent/process/qemu-process";
import { QmpConnection } from "@virtmesh/qemu-agent/qmp/connection";
import { minimalGuest, wideGuest, wideGuestOnPc } from "./qemu-cmdline-guests.ts";

jest.setTimeout(60_000);

const BINARY = "/usr/bin/qemu-system-x86_64";

async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "virtmesh-cmdline-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

async function image(path: string, format: string): Promise<void> {
  await promisify(execFile)("qemu-img", ["create", "-q", "-f", format, path, "4M"]);
}

/** A QEMU that has started, its CPUs stopped; ended when it goes out of scope. */
class Started implements AsyncDisposable {
  readonly qmp: QmpConnection;
  private readonly process: QemuProcess;

  private constructor(process: QemuProcess, qmp: QmpConnection) {
    this.process = process;
    this.qmp = qmp;
  }

  static async start(xml: string, directory: string, runtime: Partial<Runtime> = {}): Promise<Started> {
    const signal = AbortSignal.timeout(30_000);
    const { capabilities } = await probe({ binary: BINARY, workDir: directory, signal });
    const traits = traitsOf(capabilities);
    const complete = completeQemuDomain(parseDomain(xml), { traits, newDomain: true });
    const { definition } = completeDomain(complete);
    const args = buildCommandLine(definition, capabilities, {
      ...RUNTIME,
      directory,
      vnc: new Map([[0, { socket: join(directory, "vnc,1.sock") }]]),
      consoleSockets: new Map([["charserial1", join(directory, "serial1.sock")]]),
      startTimeMs: Date.now(),
      ...runtime,
    });
    const path = join(directory, "qmp.sock");
    await using log = await LogFile.open(join(directory, "qemu.log"));
    await log.begin([BINARY, ...args]);
    const process = await (async () => {
      // Let go of before anybody connects, or this process would take the connection.
      await using socket = await HandedSocket.listen(path);
      return QemuProcess.spawn({ binary: BINARY, args, logFd: log.fd, inherit: [socket.fd] });
    })();
    try {
      return new Started(process, await QmpConnection.open({ path, signal }));
    } catch (e) {
      process.kill("SIGKILL");
      await process.exited;
      throw new Error(`QEMU did not start: ${await log.tail()}`, { cause: e });
    }
  }

  async status(): Promise<string> {
    return (await this.qmp.execute("query-status")).status;
  }

  /** `disk-vda on disk-vda-format`, for every disk of the guest. */
  async disks(): Promise<readonly string[]> {
    const blocks = await this.qmp.execute("query-block");
    return blocks.flatMap(({ qdev = "", inserted }) => {
      const id = /disk-[a-z]+/.exec(qdev)?.[0];
      return id === undefined ? [] : [`${id} on ${inserted?.["node-name"] ?? "nothing"}`];
    });
  }

  async hasMigrated(): Promise<boolean> {
    return new Promise((resolve) => {
      this.qmp.onEvent((e) => {
        if (e.event !== "MIGRATION") return;
        if (e.data.status === "completed" || e.data.status === "failed")
          resolve(e.data.status === "completed");
      });
      void this.process.exited.then(() => resolve(false));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.qmp.close();
    this.process.kill("SIGKILL");
    await this.process.exited;
  }
}

describe("QEMU with the arguments built for a guest", () => {
  it("starts a guest that says almost nothing", async () => {
    await using directory = await temporaryDirectory();
    await using qemu = await Started.start(minimalGuest(), directory.path);
    expect(await qemu.status()).toBe("prelaunch");
    expect(await qemu.disks()).toEqual([]);
  });

  it("starts one on q35 with every device this agent knows, its disks on their nodes", async () => {
    await using directory = await temporaryDirectory();
    await prepareImages(directory.path);
    await using qemu = await Started.start(wideGuest(directory.path), directory.path);
    expect(await qemu.status()).toBe("prelaunch");
    expect(await qemu.disks()).toEqual([
      ...["vda", "sda", "sdb"].map((target) => `disk-${target} on ${formatNodeName(target)}`),
      "disk-sdc on nothing",
      `disk-sdd on ${formatNodeName("sdd")}`,
    ]);
  });

  it("starts one on pc with IDE, a floppy and other models", async () => {
    await using directory = await temporaryDirectory();
    await prepareImages(directory.path);
    await using qemu = await Started.start(wideGuestOnPc(directory.path), directory.path);
    expect(await qemu.status()).toBe("prelaunch");
  });

  it.each([
    ["q35", wideGuest],
    ["pc", wideGuestOnPc],
  ])("takes the state of the same guest on %s, started elsewhere with other paths", async (_, guest) => {
    await using here = await temporaryDirectory();
    await using there = await temporaryDirectory();
    await prepareImages(here.path);
    await prepareImages(there.path);
    await using source = await Started.start(guest(here.path), here.path);
    await using destination = await Started.start(guest(there.path), there.path, { incoming: true });
    expect(await destination.status()).toBe("inmigrate");
    const uri = `unix:${join(there.path, "migration.sock")}`;
    await destination.qmp.execute("migrate-set-capabilities", EVENTS);
    await source.qmp.execute("migrate-set-capabilities", EVENTS);
    const arrived = destination.hasMigrated();
    await destination.qmp.execute("migrate-incoming", { uri });
    await source.qmp.execute("migrate", { uri });
    expect(await arrived).toBe(true);
  });
});

const EVENTS = { capabilities: [{ capability: "events", state: true }] } as const;

async function prepareImages(directory: string): Promise<void> {
  await image(join(directory, "a,b.qcow2"), "qcow2");
  await image(join(directory, "b.img"), "raw");
  await image(join(directory, "c.img"), "raw");
  await image(join(directory, "d.img"), "raw");
  await writeFile(join(directory, "code.fd"), Buffer.alloc(256 * 1024));
  await writeFile(join(directory, "vars.fd"), Buffer.alloc(128 * 1024));
}
