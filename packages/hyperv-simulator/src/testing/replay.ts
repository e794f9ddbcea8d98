import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { selectorsOf, textAt, type Wire } from "./client.ts";
import { started } from "./started.ts";
import { child } from "../xml/node.ts";

/** Whom the recorded requests speak of. */
const SEED = {
  hostName: "hvhost1",
  guests: [
    { name: "web-1", id: "a1b2c3d4-0001-4000-8000-000000000001", state: "running" as const },
    { name: "db-1", id: "d17f1c93-7ff0-4a07-836c-d714d26360c7", state: "off" as const },
  ],
  switches: [{ name: "lan", id: "0a0a0a0a-0000-4000-8000-000000000009" }],
};
/** The guest that is defined on the way. */
const DEFINED = "73247744-f112-4af1-8fe5-bf2ec55f51c9";
/** Devices have other names in the simulator that was recorded than on Windows. */
const DEVICES: Readonly<Record<string, string>> = {
  Msvm_ShutdownComponent: "Microsoft:SD",
  Msvm_Keyboard: "Microsoft:KB",
};

export interface Replayed {
  readonly file: string;
  readonly status: number;
  readonly returnValue: string | undefined;
}

/** Sends recorded requests in their order; contexts and ids in them become those that the simulator has given. */
export async function replay(folder: string): Promise<readonly Replayed[]> {
  await using simulator = await started({ jobs: { durationMs: 0 }, guestShutdownMs: 0 }, SEED);
  const replaced = new Map<string, string>();
  let context = "";
  const answers: Replayed[] = [];
  for (const file of readdirSync(folder).sort()) {
    const [, xml = ""] = /\r?\n\r?\n(.*)$/s.exec(readFileSync(join(folder, file), "utf8")) ?? [];
    const sent = [...replaced].reduce(
      (text, [from, to]) => text.replaceAll(new RegExp(from, "gi"), to),
      xml.replace(/(EnumerationContext>)[^<]*</, `$1${context}<`),
    );
    const jobEnds = simulator.jobEnds();
    const answer = await simulator.client.post(sent.trim());
    context = textAt(answer.body, "EnumerationContext") ?? "";
    for (const [from, to] of learned(answer)) replaced.set(from, to);
    answers.push({ file, status: answer.status, returnValue: textAt(answer.body, "ReturnValue") });
    if (textAt(answer.body, "ReturnValue") === "4096") await jobEnds;
  }
  return answers;
}

function learned(answer: Wire): readonly (readonly [string, string])[] {
  const system = selectorsOf(child(answer.body, "ResultingSystem"))["Name"];
  const devices = Object.entries(DEVICES).flatMap(([className, old]) => {
    const id = textAt(answer.body, "Items", className, "DeviceID");
    return id === undefined ? [] : [[old, id] as const];
  });
  return [...(system === undefined ? [] : [[DEFINED, system] as const]), ...devices];
}
