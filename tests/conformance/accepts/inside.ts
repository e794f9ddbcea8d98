// Run by enter.ts in a root, a network and a list of mounts of its own: starts each guest, tells what became of it.
import { readFile } from "node:fs/promises";
import { AgentSide } from "./agent-side.ts";
import type { GuestCase } from "./cases.ts";
import { LibvirtSide } from "./libvirt-side.ts";
import { needsOf } from "./needs.ts";
import { Provider } from "./provide.ts";

const [, , side = "", file = ""] = process.argv;
const cases = JSON.parse(await readFile(file, "utf8")) as readonly GuestCase[];
await using starter =
  side === "libvirt" ? await LibvirtSide.open() : await AgentSide.open(AbortSignal.timeout(60_000));
await using provider = new Provider();
for (const one of cases) {
  await provider.provide(needsOf(one.xml));
  process.stdout.write(`${JSON.stringify({ name: one.name, ...(await starter.try(one)) })}\n`);
}
