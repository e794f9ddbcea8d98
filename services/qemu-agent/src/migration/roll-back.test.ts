import type { ExecuteOptions, QmpConnection } from "../qmp/connection.ts";
import { QmpError } from "../qmp/errors.ts";
import { rollBack } from "./roll-back.ts";

interface Asked {
  readonly command: string;
  readonly arguments: unknown;
  readonly outOfBand: boolean;
}

/** A QEMU that says what it has to break, and forgets one of them before it is told to. */
function qemu(present: readonly object[], gone: string): { qmp: QmpConnection; asked: Asked[] } {
  const asked: Asked[] = [];
  const execute = async (command: string, args: unknown, options: ExecuteOptions = {}): Promise<unknown> => {
    asked.push({ command, arguments: args, outOfBand: options.outOfBand === true });
    if (command === "query-yank") return present;
    if (command === "yank" && JSON.stringify(args).includes(gone))
      throw new QmpError("refused", "yank", "Instance not found", "DeviceNotFound");
    return {};
  };
  return { qmp: { execute } as unknown as QmpConnection, asked };
}

describe("breaking the connections of a migration", () => {
  it("breaks those that are there when another has ended since QEMU was asked", async () => {
    const present = [
      { type: "migration" },
      { type: "block-node", "node-name": "remote-vda" },
      { type: "block-node", "node-name": "somebody-elses" },
    ];
    const { qmp, asked } = qemu(present, "migration");
    const jobs = new Map([["job", "remote-vda"]]);
    await rollBack.breakLinks({ qmp, jobs });
    expect(asked.filter((a) => a.command === "yank").map((a) => a.arguments)).toEqual([
      { instances: [{ type: "migration" }] },
      { instances: [{ type: "block-node", "node-name": "remote-vda" }] },
    ]);
  });

  it("asks and tells past a main loop that waits for one of them", async () => {
    const { qmp, asked } = qemu([{ type: "migration" }], "none");
    await rollBack.breakLinks({ qmp, jobs: new Map() });
    expect(asked.map(({ command, outOfBand }) => [command, outOfBand])).toEqual([
      ["query-yank", true],
      ["yank", true],
    ]);
  });
});

describe("a guest whose migration is undone", () => {
  it.each([
    ["postmigrate", true],
    ["paused", true],
    ["shutdown", false],
    ["guest-panicked", false],
  ])("in the state %s is told to go on: %s", async (status, expected) => {
    const asked: string[] = [];
    const answers: Readonly<Record<string, unknown>> = {
      ...{ "query-migrate": {}, "query-status": { status, running: false } },
      ...{ "query-jobs": [], "query-named-block-nodes": [], "query-migrate-capabilities": [] },
    };
    const execute = async (command: string): Promise<unknown> => {
      asked.push(command);
      return answers[command] ?? {};
    };
    const qmp = { execute } as unknown as QmpConnection;
    await rollBack.goHome({ qmp, jobs: new Map(), wasRunning: true, tlsObject: undefined }, false);
    expect(asked.includes("cont")).toBe(expected);
  });

  /** A QEMU with nothing left to remove, that does one command otherwise. */
  function tidied(command: string, fails: () => Promise<never>): { qmp: QmpConnection; asked: string[] } {
    const asked: string[] = [];
    const execute = async (name: string): Promise<unknown> => {
      asked.push(name);
      if (name === command) return await fails();
      return name === "query-migrate" ? {} : [];
    };
    return { qmp: { execute } as unknown as QmpConnection, asked };
  }
  const job = (qmp: QmpConnection) => ({ qmp, jobs: new Map(), wasRunning: true, tlsObject: "tls0" });

  it("is tidied up behind", async () => {
    const { qmp, asked } = tidied("none", async () => Promise.reject(new Error("never asked")));
    expect(await rollBack.tidy(job(qmp), true)).toEqual([]);
    expect(asked.slice(-3)).toEqual(["migrate-set-capabilities", "migrate-set-parameters", "object-del"]);
  });

  it("runs all the same when that does not work the second time either, and what is left is said", async () => {
    const { qmp, asked } = tidied("object-del", async () => {
      throw new QmpError("refused", "object-del", "object is in use");
    });
    expect(await rollBack.tidy(job(qmp), true)).toEqual(["object-del: object is in use"]);
    expect(asked.filter((name) => name === "object-del")).toHaveLength(2);
    expect(asked).not.toContain("cont");
  });

  it("may have ended when its QEMU closes the connection meanwhile, and is called neither", async () => {
    const { qmp } = tidied("query-jobs", async () => {
      throw new QmpError("closed", "query-jobs", "the connection is closed");
    });
    await expect(rollBack.tidy(job(qmp), true)).rejects.toMatchObject({ failure: "closed" });
  });
});
