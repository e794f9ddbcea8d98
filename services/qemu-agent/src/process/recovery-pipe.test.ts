import { mkdtemp, readlink, rm, stat } from "node:fs/promises";
import { constants, openSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { RecoveryPipe } from "./recovery-pipe.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "virtmesh-recovery-"));
});
afterEach(() => rm(dir, { recursive: true }));

const signal = AbortSignal.timeout(10_000);

it("what one agent agrees and another orders comes to a QEMU that holds both ends, whole and in order", async () => {
  await new RecoveryPipe(dir).make(signal);
  // As char-pipe.c opens it.
  const qemu = new Socket({
    fd: openSync(join(dir, "recovery.in"), constants.O_RDWR | constants.O_NONBLOCK),
  });
  await new RecoveryPipe(dir).agree();
  await new RecoveryPipe(dir).order("migrate-recover", { uri: "tcp:192.0.2.1:49160" });
  const heard: unknown[] = [];
  for await (const line of createInterface({ input: qemu })) if (heard.push(JSON.parse(line)) === 2) break;
  expect(heard).toEqual([
    { execute: "qmp_capabilities", arguments: { enable: ["oob"] } },
    { "exec-oob": "migrate-recover", arguments: { uri: "tcp:192.0.2.1:49160" } },
  ]);
  qemu.destroy();
});

it("nobody but its owner can order, and what QEMU answers is kept nowhere", async () => {
  await new RecoveryPipe(dir).make(signal);
  expect((await stat(join(dir, "recovery.in"))).mode & 0o777).toBe(0o600);
  expect(await readlink(join(dir, "recovery.out"))).toBe("/dev/null");
});

it("a QEMU that was started without it cannot be ordered anything", async () => {
  const order = new RecoveryPipe(dir).order("yank", { instances: [{ type: "migration" }] });
  await expect(order).rejects.toMatchObject({ code: "ENOENT" });
});
