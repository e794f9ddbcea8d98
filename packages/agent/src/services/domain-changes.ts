import type {
  CreateDomainRequest,
  DefineDomainRequest,
  Domain,
  RegisterDomainRequest,
  StartDomainRequest,
  UndefineDomainRequest,
  UndefineDomainResponse,
} from "@virtmesh/api/gen/virtmesh/v1/domain";
import type { Call } from "@virtmesh/core/call";
import type { DomainInfo, ParsedDomain } from "@virtmesh/core/driver/domains";
import { need } from "@virtmesh/core/driver/driver";
import { VirtError } from "@virtmesh/core/errors";
import { isActive } from "@virtmesh/core/domain/state";
import { requireText } from "../convert/field.ts";
import { toCheckedDomain, toWireDomain } from "../convert/domain.ts";
import type { ServiceContext } from "./context.ts";
import { findDomain, outliving, placeOf } from "./context.ts";

/** What of a guest a change needs beside its turn. */
export interface ChangeOptions {
  readonly verb: string;
  /** The guest will run, or run on, by this change: this host must hold its run token. */
  readonly runs?: boolean;
}

/** One change of a guest that is there, in its turn; answers the guest as the driver leaves it. */
export async function changeDomain(
  c: ServiceContext,
  ref: string,
  options: ChangeOptions,
  call: Call,
  work: (info: DomainInfo) => Promise<DomainInfo>,
): Promise<Domain> {
  const { uuid } = findDomain(c, ref);
  const info = await c.queue.run({ uuid }, { verb: options.verb, trace: call.trace }, call, async () => {
    // What was true when the change was asked for may not be when its turn comes.
    const now = findDomain(c, uuid);
    if (options.runs) await c.tokens.ensure(uuid, false, call);
    return await work(now);
  });
  return toWireDomain(info, placeOf(c, uuid));
}

/** Ends a guest at once. One on its way to another host does not have to be waited for, until that is decided. */
export async function destroyDomain(c: ServiceContext, ref: string, call: Call): Promise<Domain> {
  const { uuid, state } = findDomain(c, ref);
  if (!isActive(state) || !c.queue.letsGo(uuid, call.actor)) {
    return await changeDomain(c, ref, { verb: "destroy" }, call, (now) =>
      c.driver.domains.destroy(now.uuid, call),
    );
  }
  return toWireDomain(await c.driver.domains.destroy(uuid, call), placeOf(c, uuid));
}

export async function defineDomain(
  c: ServiceContext,
  request: DefineDomainRequest,
  call: Call,
): Promise<Domain> {
  const parsed = c.driver.domains.parse(request.xml);
  const check = (): void => {
    const existing = checkIdentity(c, parsed);
    if (existing === undefined) c.cordon.check();
    checkEtag(request.etag, existing, parsed.name);
  };
  if (request.validateOnly) {
    check();
    return toCheckedDomain(parsed, placeOf(c, parsed.uuid), true);
  }
  const info = await c.queue.run(parsed, { verb: "define", trace: call.trace }, call, async () => {
    check();
    return await withNewToken(c, parsed, call, () => c.driver.domains.define(parsed, call));
  });
  return toWireDomain(info, placeOf(c, info.uuid));
}

export async function createDomain(
  c: ServiceContext,
  request: CreateDomainRequest,
  call: Call,
): Promise<Domain> {
  const create = need(c.driver, "domains", "create");
  const parsed = c.driver.domains.parse(request.xml);
  const check = (): void => {
    const existing = checkIdentity(c, parsed);
    if (existing === undefined) c.cordon.check();
    if (existing && isActive(existing.state)) {
      throw new VirtError(
        "DOMAIN_RUNNING",
        `guest "${existing.name}" runs already, it is ${existing.state}`,
        {
          resource: { type: "domain", name: existing.name },
        },
      );
    }
  };
  if (request.validateOnly) {
    check();
    return toCheckedDomain(parsed, placeOf(c, parsed.uuid), false);
  }
  const info = await c.queue.run(parsed, { verb: "create", trace: call.trace }, call, async () => {
    check();
    return await withToken(c, parsed, call, () => create(parsed, { paused: request.paused }, call));
  });
  return toWireDomain(info, placeOf(c, info.uuid));
}

export async function undefineDomain(
  c: ServiceContext,
  request: UndefineDomainRequest,
  call: Call,
): Promise<UndefineDomainResponse> {
  const { uuid } = findDomain(c, request.domain);
  await c.queue.run({ uuid }, { verb: "undefine", trace: call.trace }, call, async () => {
    const now = findDomain(c, uuid);
    checkEtag(request.etag, now, now.name);
    await removeManagedSave(c, now, request.managedSave, call);
    await c.driver.domains.undefine(uuid, call);
  });
  return {};
}

/** Which guest it is, only the hypervisor can tell, and it tells it by making it known: the run token is asked for then. */
export async function registerDomain(
  c: ServiceContext,
  request: RegisterDomainRequest,
  call: Call,
): Promise<Domain> {
  const register = need(c.driver, "domains", "register");
  const path = requireText("path", request.path);
  c.cordon.check();
  const info = await register(path, request.name, call);
  try {
    await c.tokens.ensure(info.uuid, false, call);
  } catch (e) {
    await c.driver.domains.undefine(info.uuid, outliving(call, c.signal));
    throw e;
  }
  return toWireDomain(info, placeOf(c, info.uuid));
}

/** A managed save is somebody's work: it does not go with the definition unless that is said. */
async function removeManagedSave(
  c: ServiceContext,
  info: DomainInfo,
  allowed: boolean,
  call: Call,
): Promise<void> {
  if (info.managedSave !== true) return;
  if (!allowed) {
    throw new VirtError(
      "WRONG_STATE",
      `guest "${info.name}" has a managed save, which would be lost; remove it first or say that it may go too`,
      { resource: { type: "domain", name: info.name } },
    );
  }
  await need(c.driver, "savedState", "removeManaged")(info.uuid, call);
}

/** Starts a guest, from its managed save if it has one and is not to forget it. */
export async function startDomain(
  c: ServiceContext,
  request: StartDomainRequest,
  call: Call,
): Promise<Domain> {
  return await changeDomain(c, request.domain, { verb: "start", runs: true }, call, async (now) => {
    if (request.forceBoot && now.managedSave === true && !isActive(now.state)) {
      await need(c.driver, "savedState", "removeManaged")(now.uuid, call);
    }
    return await c.driver.domains.start(now.uuid, { paused: request.paused }, call);
  });
}

/** A guest that will run, known here or not, gets its token first. */
export async function withToken(
  c: ServiceContext,
  parsed: ParsedDomain,
  call: Call,
  make: () => Promise<DomainInfo>,
): Promise<DomainInfo> {
  if (!c.driver.domains.find(parsed.uuid)) return await withNewToken(c, parsed, call, make);
  await c.tokens.ensure(parsed.uuid, false, call);
  return await make();
}

/** A guest that is new here gets its token first, and gives it back when it does not come to be. */
async function withNewToken(
  c: ServiceContext,
  parsed: ParsedDomain,
  call: Call,
  make: () => Promise<DomainInfo>,
): Promise<DomainInfo> {
  if (c.driver.domains.find(parsed.uuid)) return await make();
  await c.tokens.ensure(parsed.uuid, parsed.uuidGenerated, call);
  try {
    return await make();
  } catch (e) {
    if (!c.driver.domains.find(parsed.uuid)) await c.tokens.release(parsed.uuid);
    throw e;
  }
}

/** The guest that a definition is about, if there is one. Throws DOMAIN_EXISTS when name and UUID belong to two. */
export function checkIdentity(c: ServiceContext, parsed: ParsedDomain): DomainInfo | undefined {
  const byUuid = c.driver.domains.find(parsed.uuid);
  if (byUuid && byUuid.name !== parsed.name) {
    throw exists(
      `guest "${byUuid.name}" has the UUID ${parsed.uuid} already, it cannot be defined as "${parsed.name}"`,
      byUuid,
    );
  }
  const byName = c.driver.domains.find(parsed.name);
  if (byName && byName.uuid !== parsed.uuid && byName.name === parsed.name) {
    throw exists(
      `there is a guest "${parsed.name}" with UUID ${byName.uuid} already; give that UUID in the definition to replace it, or another name`,
      byName,
    );
  }
  return byUuid;
}

function exists(message: string, info: DomainInfo): VirtError {
  return new VirtError("DOMAIN_EXISTS", message, {
    resource: { type: "domain", name: info.name },
    metadata: { uuid: info.uuid },
  });
}

function checkEtag(wanted: string, existing: DomainInfo | undefined, name: string): void {
  if (wanted === "" || existing?.etag === wanted) return;
  const found = existing ? `it has ${existing.etag} now` : "there is no such guest";
  throw new VirtError(
    "ETAG_MISMATCH",
    `the definition of guest "${name}" is not the one with etag ${wanted}, ${found}; read it anew and repeat the change`,
    { resource: { type: "domain", name }, metadata: { etag: existing?.etag ?? "" } },
  );
}
