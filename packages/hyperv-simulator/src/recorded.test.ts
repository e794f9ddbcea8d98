import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { referenceParameter, textAt, type Wire } from "./testing/client.ts";
import { replay } from "./testing/replay.ts";
import { started } from "./testing/started.ts";
import { readXml, type XmlNode } from "./xml/node.ts";

/** Answers recorded from a host by another project (go-wsman, MIT licence). */
const RECORDED = join(__dirname, "../../../../shared/data/hyperv/recorded");
const whereRecorded = existsSync(RECORDED) ? it : it.skip;

const SEED = {
  locale: "ja-JP" as const,
  guests: [
    { name: "a", state: "running" as const },
    { name: "b", state: "off" as const },
    { name: "c", state: "running" as const },
  ],
};

interface Shape {
  readonly name: string;
  readonly uri: string;
  readonly attributes: readonly string[];
  readonly hasText: boolean;
  readonly children: readonly Shape[];
}

/** Everything but what is different each time: elements in their order, namespaces, which attributes, which are null. */
function shapeOf(node: XmlNode): Shape {
  const attributes = node.attributes.map(
    ({ uri: at, name, value }) =>
      // Names of types, of selectors and of languages are the same each time, and so are namespaces.
      `${at} ${name}=${value}`,
  );
  return {
    ...{
      name: node.name,
      uri: node.uri,
      attributes: attributes.toSorted(),
      hasText: node.text.trim() !== "",
    },
    children: node.children.map(shapeOf),
  };
}

function recorded(name: string): Shape {
  return shapeOf(readXml(readFileSync(join(RECORDED, `recorded_${name}.xml`), "utf8")));
}

function shape(answer: Wire | undefined): Shape {
  return shapeOf(readXml(answer?.text ?? ""));
}

describe("Answers of the simulator have the structure of those recorded from a host", () => {
  whereRecorded("to Enumerate and Pull of Msvm_ComputerSystem", async () => {
    await using simulator = await started({}, SEED);
    const answers = [await simulator.client.enumerate("Msvm_ComputerSystem")];
    for (let i = 0; i < 4; i++) {
      const context = textAt(answers.at(-1)?.body, "EnumerationContext") ?? "";
      answers.push(await simulator.client.pull("Msvm_ComputerSystem", context));
    }
    const [enumerate, host, running, off, last] = answers;
    expect(shape(enumerate)).toEqual(recorded("computersystem_enumerate"));
    expect(shape(host)).toEqual(recorded("computersystem_pull_host"));
    expect(shape(running)).toEqual(recorded("computersystem_pull_vm_running_a"));
    expect(shape(off)).toEqual(recorded("computersystem_pull_vm_off"));
    expect(shape(last)).toEqual(recorded("computersystem_pull_vm_running_c_eos"));
  });

  whereRecorded("to Pull of Msvm_ExternalEthernetPort, but for its end", async () => {
    await using simulator = await started({}, SEED);
    const first = await simulator.client.enumerate("Msvm_ExternalEthernetPort");
    const context = textAt(first.body, "EnumerationContext") ?? "";
    const answer = await simulator.client.pull("Msvm_ExternalEthernetPort", context);
    // The recorded host has more than one port, the simulated one has one.
    const item = (of: Shape): Shape | undefined =>
      of.children.find((c) => c.name === "Body")?.children[0]?.children.find((c) => c.name === "Items");
    expect(item(shape(answer))).toEqual(item(recorded("pull_externalethernetport")));
  });

  whereRecorded(
    "to Enumerate and Pull of Msvm_AffectedJobElement after a job that made settings",
    async () => {
      await using simulator = await started(
        { jobs: { durationMs: 0 } },
        { ...SEED, guests: SEED.guests.slice(0, 1) },
      );
      const { client } = simulator;
      const [guest] = await client.query("SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER");
      const keys = { CreationClassName: "Msvm_ComputerSystem", Name: textAt(guest, "Name") ?? "" };
      const over = simulator.jobEnds();
      const service = "Msvm_VirtualSystemSnapshotService";
      await client.invoke(
        ...([service, "CreateSnapshot", {}] as const),
        `${referenceParameter("AffectedSystem", "Msvm_ComputerSystem", keys)}<p:SnapshotType>2</p:SnapshotType>`,
      );
      await over;
      const enumerate = await client.enumerate("Msvm_AffectedJobElement");
      expect(shape(enumerate)).toEqual(recorded("affectedjobelement_enumerate"));
      const affected = await client.pull(
        "Msvm_AffectedJobElement",
        textAt(enumerate.body, "EnumerationContext") ?? "",
      );
      const made = await client.pull(
        "Msvm_AffectedJobElement",
        textAt(affected.body, "EnumerationContext") ?? "",
      );
      expect(shape(made)).toEqual(recorded("affectedjobelement_pull_created"));
    },
  );
});

/** What libvirt 9.0.0 sent while virsh drove another simulator; one file a request, numbered. */
const REQUESTS = join(__dirname, "../../../../shared/data/hyperv/libvirt-9.0.0-requests");

describe("Requests recorded from libvirt's driver", () => {
  (existsSync(REQUESTS) ? it : it.skip)("are answered without a fault, all 54 of them", async () => {
    const answers = await replay(REQUESTS);
    expect(answers).toHaveLength(54);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    const refused = answers.filter(({ returnValue = "0" }) => returnValue !== "0" && returnValue !== "4096");
    expect(refused.map(({ file, returnValue }) => [file.slice(0, 3), returnValue])).toEqual([
      // libvirt takes the id of a job for that of a controller, and of a port.
      ["026", "32773"],
      ["030", "32773"],
      // The guest is paused when it is asked to shut down, and saved when keys are pressed.
      ["035", "32775"],
      ["052", "32775"],
      ["053", "32775"],
    ]);
  });
});
