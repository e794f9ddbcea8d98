import { createEsxDriver } from "@virtmesh/esx-agent/driver";
import { reference } from "@virtmesh/esx-agent/vim/encode";
import { VimSession } from "@virtmesh/esx-agent/vim/session";
import { runTask } from "@virtmesh/esx-agent/vim/tasks";
import { startVcsim, type Vcsim } from "@virtmesh/lab/vcsim";
import { driverContract } from "@virtmesh/testkit/contract/contract";
import { type DriverKind, inProcess, overGrpc, throughGateway } from "@virtmesh/testkit/subjects";
import { openGateway } from "./gateway.ts";

jest.setTimeout(120_000);

const { signal } = new AbortController();
let server: Vcsim;
let session: VimSession;
beforeAll(async () => {
  server = await startVcsim({ kind: "host", guests: 0 });
  const { host, port, ca, user, password } = server;
  session = await VimSession.connect({ host, port, ca }, { user, password }, signal);
}, 590_000);
afterAll(async () => {
  await session?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

/** Guests of VMware's simulator of one ESX host. */
const esx: DriverKind = {
  name: "esx",
  guestsReact: true,
  disks: { bus: "scsi", first: "sda", second: "sdb" },
  volumeSuffix: ".vmdk",
  guestFile: (name) => ({
    ...{ pool: "LocalDS_0", volume: `${name}/${name}.vmx` },
    path: `[LocalDS_0] ${name}/${name}.vmx`,
  }),
  deviceChange: {
    before: cardXml(""),
    after: cardXml("<link state='down'/>"),
    shows: "<link state='down'/>",
  },
  createDriver: ({ logger }) => {
    const { host, port, ca, user, password } = server;
    const config = { endpoint: { host, port, ca }, credentials: { user, password }, path: "" };
    return createEsxDriver({ ...config, logger, signal });
  },
  diskXml: async (target) => diskXml(target, await makeDisk()),
  guestXml: async (name, uuid) => `<domain type='vmware'>
    <name>${name}</name>
    ${uuid === undefined ? "" : `<uuid>${uuid}</uuid>`}
    <memory unit='MiB'>64</memory>
    <os><type>hvm</type></os>
    <devices>
      ${diskXml("sda", await makeDisk())}
      <controller type='scsi' index='0' model='vmpvscsi'/>
    </devices>
  </domain>`,
};

function cardXml(link: string): string {
  return `<interface type='bridge'><mac address='00:50:56:00:00:07'/><source bridge='VM Network'/>${link}</interface>`;
}

function diskXml(target: string, path: string): string {
  return `<disk type='file'><source file='${path}'/><target dev='${target}' bus='scsi'/></disk>`;
}

/** Makes a disk as an administrator of the host would. */
async function makeDisk(): Promise<string> {
  const name = `[LocalDS_0] ${crypto.randomUUID()}.vmdk`;
  const size = { diskType: "thin", adapterType: "lsiLogic", capacityKb: 1024 };
  const spec = { $type: "FileBackedVirtualDiskSpec", ...size };
  const args = { name, datacenter: reference("Datacenter", "ha-datacenter"), spec };
  await runTask(session, "CreateVirtualDisk_Task", session.manager("virtualDiskManager"), args, { signal });
  return name;
}

driverContract(inProcess(esx));
driverContract(overGrpc(esx));
driverContract(throughGateway(esx, openGateway));
