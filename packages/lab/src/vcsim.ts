import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { VirtError } from "@virtmesh/core/errors";
import { ensurePackages, VCSIM_NEEDS } from "./apt.ts";
import { cacheFolder, downloadSource } from "./debian-source.ts";
import { Child, run } from "./process.ts";
import { makeSelfSigned } from "./self-signed.ts";
import { repositoryRoot } from "./repository.ts";
import { makeRunFolder, removeRunFolder } from "./run-folder.ts";

/** Debian's name for govmomi, the library that VMware's simulator is a part of. */
const SOURCE = "golang-github-vmware-govmomi";
const PACKAGE = "github.com/vmware/govmomi";
/** What is added to it, as files of its package `simulator`. */
const ADDITIONS = "packages/lab/src/vcsim-additions";

/**
 * What is changed in it. It gathers changes for so long before it tells of them, which is all the time its tests take; a
 * guest that moved stays on the list of the host that it left; it forgets how large a disk was made; and what was added must
 * be known to it.
 */
const CHANGES: readonly { readonly file: string; readonly was: string; readonly is: string }[] = [
  { file: "property_collector.go", was: "250 * time.Millisecond", is: "10 * time.Millisecond" },
  {
    file: "virtual_machine.go",
    was: "Map.RemoveReference(host, &host.Vm, *ref)",
    is: "vm.moveTo(host)",
  },
  {
    file: "virtual_disk_manager.go",
    was: "_ = f.Close()",
    is: "_ = sizeDisk(f, name, req).Close()",
  },
  {
    file: "host_datastore_browser.go",
    was: "s.addFile(file, &res)",
    is: "s.addFile(file, &res)\naddCapacity(dir, name, &res)",
  },
  {
    file: "host_system.go",
    was: "{&hs.ConfigManager.DatastoreSystem,",
    is: "{&hs.ConfigManager.AutoStartManager, &HostAutoStartManager{Host: &hs.HostSystem}},\n{&hs.ConfigManager.DatastoreSystem,",
  },
];

/**
 * VMware's simulator of ESX hosts and vCenters. Debian ships its libraries and not the program, so it is built here, once,
 * out of Debian's source package and with nothing from elsewhere.
 * @throws HOST_SETUP naming what to install
 */
export async function vcsimProgram(
  progress: (text: string) => void = () => undefined,
  signal?: AbortSignal,
): Promise<string> {
  const cache = cacheFolder("vcsim");
  const program = join(cache, `vcsim-${await fingerprint()}`);
  if (existsSync(program)) return program;
  await ensurePackages(VCSIM_NEEDS, progress, signal);
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, "build-"));
  try {
    progress("Building vcsim, which takes a minute or two");
    const tree = join(work, "go/src", PACKAGE);
    await mkdir(tree, { recursive: true });
    const stop = signal === undefined ? {} : { signal };
    const archive = await downloadSource(SOURCE, work, signal);
    await run(["tar", "-xf", archive, "-C", tree, "--strip-components=1"], stop);
    await change(join(tree, "simulator"));
    const env = {
      GO111MODULE: "off",
      GOPROXY: "off",
      GOFLAGS: "",
      GOPATH: `${join(work, "go")}:/usr/share/gocode`,
      GOCACHE: join(work, "gocache"),
    };
    const built = join(work, "vcsim");
    await run(["go", "build", "-trimpath", "-o", built, "./vcsim"], { ...stop, cwd: tree, env });
    // Whoever comes first has it; another who builds at the same time builds the same.
    await rename(built, program);
    return program;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function additions(): Promise<readonly string[]> {
  const folder = join(repositoryRoot(), ADDITIONS);
  const names = (await readdir(folder)).filter((name) => name.endsWith(".go")).sort();
  return names.map((name) => join(folder, name));
}

/** Of all that makes it another program than Debian's: a change here builds it anew. */
async function fingerprint(): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(CHANGES));
  for (const path of await additions()) hash.update(await readFile(path));
  return hash.digest("hex").slice(0, 12);
}

async function change(folder: string): Promise<void> {
  for (const { file, was, is } of CHANGES) {
    const path = join(folder, file);
    const code = await readFile(path, "utf8");
    if (!code.includes(was))
      throw new VirtError("HOST_SETUP", `${path} has no "${was}"; this version of vcsim is another one`);
    await writeFile(path, code.replace(was, is));
  }
  for (const path of await additions()) await copyFile(path, join(folder, basename(path)));
}

export interface VcsimOptions {
  /** `host`: one ESX host by itself. `vcenter`: a vCenter with hosts that are in no cluster. */
  readonly kind: "host" | "vcenter";
  /** Of a vCenter; one unless told. The guests that there are from the beginning are on the first. */
  readonly hosts?: number;
  /** Guests that there are from the beginning, named by the simulator; they run. */
  readonly guests: number;
  /** How long it takes to answer, in milliseconds, by method. */
  readonly delays?: Readonly<Record<string, number>>;
}

/** A running simulator; what it holds is in its memory and ends with it. */
export interface Vcsim extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** PEM of the certificate it shows, which is its own authority. */
  readonly ca: string;
  /** Ends it and starts it again at the same port: it has forgotten everything, sessions too. */
  restart(): Promise<void>;
}

export async function startVcsim(options: VcsimOptions): Promise<Vcsim> {
  const program = await vcsimProgram();
  const dir = await makeRunFolder("vcsim");
  const [cert, key] = [join(dir, "cert.pem"), join(dir, "key.pem")];
  try {
    // The one that is built in is too weak for OpenSSL.
    await makeSelfSigned("vcsim", cert, key);
    const [user, password] = ["admin", crypto.randomUUID()];
    const start = async (port: number): Promise<{ readonly child: Child; readonly port: number }> => {
      const child = await Child.start(
        [
          ...[program, "-l", `127.0.0.1:${port}`, "-tlscert", cert, "-tlskey", key],
          ...["-username", user, "-password", password, ...modelOf(options)],
        ],
        { name: "vcsim", cwd: dir, env: { TMPDIR: dir } },
      );
      const [, bound] = await child.line(/GOVC_URL=\S+:(\d+)\/sdk/);
      return { child, port: Number(bound) };
    };
    let { child, port } = await start(0);
    return {
      port,
      ...{ host: "127.0.0.1", user, password, ca: await readFile(cert, "utf8") },
      restart: async () => {
        await child.stop();
        ({ child, port } = await start(port));
      },
      [Symbol.asyncDispose]: async () => {
        await child.stop();
        await removeRunFolder(dir);
      },
    };
  } catch (e) {
    await removeRunFolder(dir);
    throw e;
  }
}

function modelOf({ kind, hosts = 1, guests, delays = {} }: VcsimOptions): readonly string[] {
  const slow = Object.entries(delays).map(([method, ms]) => `${method}:${ms}`);
  return [
    ...(kind === "host" ? ["-esx"] : ["-cluster", "0", "-standalone-host", String(hosts)]),
    ...["-vm", String(guests), ...(slow.length === 0 ? [] : ["-method-delay", slow.join(",")])],
  ];
}
