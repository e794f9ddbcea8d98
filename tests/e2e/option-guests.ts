import { randomBytes, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DomainServiceService, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { MigrationStorage } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { buildGuest } from "@virtmesh/lab/guest/build";
import { testGuestXml } from "@virtmesh/lab/guest/xml";
import type { MeshHost } from "@virtmesh/lab/launcher";
import { run } from "@virtmesh/lab/process";
import { refusal } from "./guests.ts";
import { diskTo, MIB, type TwoHosts } from "./two-hosts.ts";

export type ImageFormat = "raw" | "qcow2";

export interface GuestOptions {
  readonly name?: string;
  /** Formats of its disks, each filled with 8 MiB that do not compress. */
  readonly disks?: readonly ImageFormat[];
  readonly cache?: string;
  /** More elements of `<devices>`. */
  readonly devices?: string;
  /** Default: defined and started. */
  readonly life?: "off" | "running" | "paused" | "transient";
}

export interface OptionGuest {
  readonly name: string;
  readonly uuid: string;
  readonly xml: string;
  readonly images: readonly {
    readonly target: string;
    readonly path: string;
    readonly format: ImageFormat;
  }[];
}

/** Both hosts see the same images: what only one of them needs, it does not copy. */
export const SHARED = { storage: MigrationStorage.MIGRATION_STORAGE_SHARED, disks: [] };

/** Guests that are there for one test each. They need not boot: what they are asked to do, QEMU does. */
export class OptionGuests {
  readonly #hosts: TwoHosts;
  #count = 0;

  constructor(hosts: TwoHosts) {
    this.#hosts = hosts;
  }

  async make(options: GuestOptions = {}): Promise<OptionGuest> {
    const { a, mesh } = this.#hosts;
    const name = options.name ?? `guest-${++this.#count}`;
    const uuid = randomUUID();
    const images = await Promise.all(
      (options.disks ?? ["raw"]).map(async (format, i) => {
        const target = `vd${String.fromCharCode(97 + i)}`;
        return { target, format, path: await filledImage(join(a.imageDir, `${name}-${target}`), format) };
      }),
    );
    const plain = testGuestXml({
      ...{ name, uuid, image: await buildGuest(), devices: options.devices ?? "" },
      disks: images.map(({ path, format }) => ({ path, format })),
    });
    const xml = plain.replaceAll('cache="none"', `cache="${options.cache ?? "none"}"`);
    const request = { uri: a.uri, requestId: randomUUID(), validateOnly: false, xml };
    const life = options.life ?? "running";
    if (life === "transient") {
      await mesh.unary(DomainServiceService.createDomain, { ...request, paused: false });
      return { name, uuid, xml, images };
    }
    await mesh.unary(DomainServiceService.defineDomain, { ...request, etag: "" });
    if (life !== "off") {
      await mesh.unary(DomainServiceService.startDomain, {
        ...{ uri: a.uri, requestId: randomUUID(), domain: uuid, paused: life === "paused" },
        forceBoot: false,
      });
    }
    return { name, uuid, xml, images };
  }

  /** Where its disks go when they are copied to the other host. */
  copies(guest: OptionGuest, host: MeshHost = this.#hosts.b): ReturnType<typeof diskTo>[] {
    return guest.images.map(({ target }) => diskTo(target, this.path(guest, target, host)));
  }

  path(guest: OptionGuest, target: string, host: MeshHost = this.#hosts.b): string {
    return join(host.imageDir, `${guest.name}-${target}`);
  }

  /** Defines another guest of that name on the second host. */
  async take(name: string): Promise<void> {
    const xml = testGuestXml({ name, uuid: randomUUID(), image: await buildGuest() });
    await this.#hosts.mesh.unary(DomainServiceService.defineDomain, {
      ...{ uri: this.#hosts.b.uri, requestId: randomUUID(), xml, validateOnly: false, etag: "" },
    });
  }

  /** Ends and forgets every guest of both hosts. */
  async clear(): Promise<void> {
    for (const { uri } of [this.#hosts.a, this.#hosts.b]) {
      const { domains } = await this.#hosts.mesh.unary(DomainServiceService.listDomains, {
        ...{ uri, pageSize: 0, pageToken: "", filter: "", orderBy: "" },
      });
      for (const { uuid: domain, state, persistent } of domains) {
        const request = { uri, requestId: randomUUID(), domain };
        if (state !== DomainState.DOMAIN_STATE_SHUTOFF) {
          await this.#hosts.mesh.unary(DomainServiceService.destroyDomain, request);
        }
        if (persistent) {
          await this.#hosts.mesh.unary(DomainServiceService.undefineDomain, {
            ...{ uri, requestId: randomUUID(), domain, etag: "" },
            managedSave: false,
          });
        }
      }
    }
  }
}

const FILLED = 8 * MIB;

async function filledImage(path: string, format: ImageFormat): Promise<string> {
  if (format === "raw") {
    await writeFile(path, randomBytes(FILLED));
    return path;
  }
  await writeFile(`${path}.filling`, randomBytes(FILLED));
  await run(["qemu-img", "convert", "-f", "raw", "-O", format, `${path}.filling`, path]);
  await run(["rm", `${path}.filling`]);
  return path;
}

/** Everything that stood in the way, as `TYPE subject`. */
export async function obstacles(work: Promise<unknown>): Promise<readonly string[]> {
  const { reason, context } = await refusal(work);
  expect(reason).toBe("MIGRATION_BLOCKED");
  return (context.preconditions ?? []).map(({ type, subject }) => `${type} ${subject}`).toSorted();
}
