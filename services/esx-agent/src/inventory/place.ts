import { VirtError } from "@virtmesh/core/errors";
import { type Reference, reference, type VimObject } from "../vim/encode.ts";
import { numberAt, textAt, type VimNode } from "../vim/node.ts";
import { type Retrieved, retrieve } from "../vim/retrieve.ts";
import { referenceOf, type VimSession } from "../vim/session.ts";

/** The host that is fronted, and where its guests are made. */
export interface Place {
  readonly host: Reference;
  readonly pool: Reference;
  readonly folder: Reference;
  /** Which guests start with the host. */
  readonly autoStart: Reference;
  /** Takes the files of new guests. */
  readonly datastore: string;
  /** Names of its datastores. */
  readonly datastores: ReadonlySet<string>;
  /** Names of datastores by what stands behind /vmfs/volumes in paths of files. */
  readonly volumes: ReadonlyMap<string, string>;
  /** Of a vCenter: folders and name of the datacenter. */
  readonly datacenter: string | undefined;
  /** The same of whatever server, as files of datastores are named by it; a host by itself has one too. */
  readonly datacenterPath: string;
  readonly datacenterObject: Reference;
  readonly facts: HostFacts;
}

export interface HostFacts {
  readonly name: string;
  readonly uuid: string;
  readonly version: string;
  readonly cpuModel: string;
  readonly cpus: number;
  readonly cpuMhz: number;
  readonly memoryBytes: bigint;
  readonly bootTimeMs: number;
}

/** What changes of a host all the time. */
export const HOST_WATCHED = ["summary.quickStats", "config.autoStart"] as const;

const KINDS: readonly { readonly type: string; readonly paths: readonly string[] }[] = [
  {
    type: "HostSystem",
    paths: [
      ...["name", "parent", "datastore", "summary.hardware", "summary.config", "runtime.bootTime"],
      "configManager.autoStartManager",
    ],
  },
  { type: "ComputeResource", paths: ["name", "parent", "resourcePool"] },
  { type: "Datacenter", paths: ["name", "parent", "vmFolder"] },
  { type: "Folder", paths: ["name", "parent"] },
  { type: "Datastore", paths: ["name", "summary.url"] },
];

/**
 * Finds the host: the only one of an ESX host, and of a vCenter the one at `Datacenter/Cluster/host`, or
 * `Datacenter/host` when it is in no cluster. @throws HOST_SETUP naming the hosts that there are
 */
export async function findPlace(session: VimSession, path: string, signal: AbortSignal): Promise<Place> {
  const found = new Map<string, Retrieved>();
  for (const each of await inventory(session, signal)) found.set(each.object.value, each);
  const hosts = [...found.values()].filter((each) => each.object.type === "HostSystem");
  const host =
    session.content.apiType === "HostAgent" ? hosts[0] : hosts.find((each) => pathOf(each, found) === path);
  if (host === undefined) {
    const names = hosts.map((each) => pathOf(each, found)).sort();
    throw new VirtError(
      "HOST_SETUP",
      `${session.address} has no host "${path}"; it has ${names.join(", ") || "none at all"}`,
    );
  }
  const owners = ownersOf(host, found);
  const resources = owners.find((each) => /ComputeResource$/.test(each.object.type));
  const datacenter = owners.find((each) => each.object.type === "Datacenter");
  const datastore = host.properties.get("datastore")?.children[0];
  if (datacenter === undefined)
    throw new VirtError(
      "HOST_SETUP",
      `${session.address} shows no datacenter for this host; the user may not see it`,
    );
  return {
    host: host.object,
    pool: needed(session, resources?.properties.get("resourcePool"), "resource pool"),
    folder: needed(session, datacenter.properties.get("vmFolder"), "folder of guests"),
    autoStart: needed(session, host.properties.get("configManager.autoStartManager"), "autostart manager"),
    datastore: textOf(found.get(datastore?.text ?? ""), "name"),
    datastores: new Set(
      host.properties.get("datastore")?.children.map(({ text }) => textOf(found.get(text), "name")),
    ),
    volumes: volumesOf([...found.values()]),
    datacenter: session.content.apiType === "HostAgent" ? undefined : datacenterPath(owners),
    datacenterPath: datacenterPath(owners),
    datacenterObject: datacenter.object,
    facts: factsOf(host),
  };
}

/** Everything that has to do with hosts. */
export async function inventory(session: VimSession, signal: AbortSignal): Promise<Retrieved[]> {
  const made = await session.call(
    "CreateContainerView",
    session.manager("viewManager"),
    {
      container: session.manager("rootFolder"),
      type: KINDS.map(({ type }) => type),
      recursive: true,
    },
    { signal },
  );
  const view = reference("ContainerView", textAt(made, "returnval") ?? "");
  const spec: VimObject = {
    propSet: KINDS.map(({ type, paths }) => ({ type, pathSet: paths })),
    objectSet: {
      obj: view,
      skip: true,
      selectSet: { $type: "TraversalSpec", type: "ContainerView", path: "view", skip: false },
    },
  };
  try {
    return await retrieve(session, spec, { signal });
  } finally {
    await session.call("DestroyView", view, {}, { signal });
  }
}

/** What it is in, the nearest first. */
export function ownersOf(object: Retrieved, found: ReadonlyMap<string, Retrieved>): readonly Retrieved[] {
  const owner = found.get(object.properties.get("parent")?.text ?? "");
  return owner === undefined ? [] : [owner, ...ownersOf(owner, found)];
}

function pathOf(host: Retrieved, found: ReadonlyMap<string, Retrieved>): string {
  return [...ownersOf(host, found).toReversed(), host]
    .filter(({ object }) => /^(Datacenter|ClusterComputeResource|HostSystem)$/.test(object.type))
    .map((each) => textOf(each, "name"))
    .join("/");
}

/** The root folder is above all datacenters and not named. */
function datacenterPath(owners: readonly Retrieved[]): string {
  const from = owners.findIndex(({ object }) => object.type === "Datacenter");
  return owners
    .slice(from, -1)
    .map((each) => textOf(each, "name"))
    .reverse()
    .join("/");
}

/** `ds:///vmfs/volumes/5f0-ab/` is the address of a datastore. */
function volumesOf(objects: readonly Retrieved[]): ReadonlyMap<string, string> {
  return new Map(
    objects.flatMap((each) => {
      const [, volume] = /^ds:\/\/\/vmfs\/volumes\/([^/]+)\/?$/.exec(textOf(each, "summary.url")) ?? [];
      return volume === undefined ? [] : [[volume, textOf(each, "name")] as const];
    }),
  );
}

function needed(session: VimSession, node: VimNode | undefined, what: string): Reference {
  if (node !== undefined) return referenceOf(node);
  throw new VirtError(
    "HOST_SETUP",
    `${session.address} shows no ${what} for this host; the user may not see it`,
  );
}

function textOf(object: Retrieved | undefined, path: string): string {
  return object?.properties.get(path)?.text ?? "";
}

function factsOf(host: Retrieved): HostFacts {
  const hardware = host.properties.get("summary.hardware");
  return {
    name: textOf(host, "name"),
    uuid: (textAt(hardware, "uuid") ?? "").toLowerCase(),
    version: textAt(host.properties.get("summary.config"), "product", "version") ?? "",
    cpuModel: textAt(hardware, "cpuModel") ?? "",
    cpus: numberAt(hardware, "numCpuThreads") ?? 0,
    cpuMhz: numberAt(hardware, "cpuMhz") ?? 0,
    memoryBytes: BigInt(numberAt(hardware, "memorySize") ?? 0),
    bootTimeMs: Date.parse(textOf(host, "runtime.bootTime")) || 0,
  };
}
