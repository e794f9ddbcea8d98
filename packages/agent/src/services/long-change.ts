import type { Any } from "@virtmesh/api/gen/google/protobuf/any";
import type { Duration } from "@virtmesh/api/gen/google/protobuf/duration";
import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { Domain } from "@virtmesh/api/gen/virtmesh/v1/domain";
import type { Call } from "@virtmesh/core/call";
import { isActive } from "@virtmesh/core/domain/state";
import type { ChangeScope } from "@virtmesh/core/driver/change-scope";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { VirtError } from "@virtmesh/core/errors";
import type { ChangeTarget } from "../changes/queue.ts";
import { millisecondsOf } from "../convert/duration.ts";
import { toWireDomain } from "../convert/domain.ts";
import { packAny } from "../operations/any.ts";
import type { ServiceContext } from "./context.ts";
import { findDomain, outliving, placeOf } from "./context.ts";

export interface LongChangeOptions {
  /** `detachDevice`, `createSnapshot`, ... */
  readonly verb: string;
  /** After this the work is told to stop; without it, only when it is cancelled. */
  readonly timeoutMs?: number;
  /** The guest will run, or run on, by this change: this host must hold its run token. */
  readonly runs?: boolean;
}

/**
 * A change of a guest that takes its time, as an operation. It holds the guest so that changes come one after the
 * other; who wants to end the guest at once does not have to wait for it.
 */
export function longChange(
  c: ServiceContext,
  target: ChangeTarget & { readonly uuid: DomainInfo["uuid"]; readonly name: string },
  options: Pick<LongChangeOptions, "verb" | "timeoutMs">,
  call: Call,
  work: (call: Call) => Promise<Any>,
): Promise<Operation> {
  const { verb, timeoutMs } = options;
  const { uuid, name } = target;
  c.queue.admit(target);
  return c.operations.start({ verb, uuid, name, call }, async (op) => {
    const stop = new AbortController();
    const late = (): void => stop.abort(tooLate(name, verb, timeoutMs ?? 0));
    const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs);
    const letGo = (): boolean => {
      stop.abort(ended(name, verb));
      return true;
    };
    const signal = AbortSignal.any([op.signal, c.signal, stop.signal]);
    const limit = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
    const own: Call = { ...outliving(call, signal), ...limit };
    try {
      return await c.queue.run(target, { verb, operation: op.name, trace: call.trace, letGo }, own, () =>
        work(own),
      );
    } catch (e) {
      // Why it was stopped says more than that it was.
      if (stop.signal.aborted && VirtError.from(e).reason === "CANCELLED") throw stop.signal.reason;
      throw e;
    } finally {
      clearTimeout(timer);
    }
  });
}

/** The same for a guest that is there. */
export function longDomainChange(
  c: ServiceContext,
  ref: string,
  options: LongChangeOptions,
  call: Call,
  work: (now: DomainInfo, call: Call) => Promise<Any>,
): Promise<Operation> {
  const { uuid, name } = findDomain(c, ref);
  return longChange(c, { uuid, name }, options, call, async (own) => {
    // What was true when the change was asked for may not be when its turn comes.
    const now = findDomain(c, uuid);
    if (options.runs) await c.tokens.ensure(uuid, false, own);
    return await work(now, own);
  });
}

/** How long a guest has for what it does in its own time. */
const GUEST_TIMEOUT_MS = 60_000;

/** A change of what a guest is made of, in the scope that the request asks for; its response is the guest. */
export async function scopedChange(
  c: ServiceContext,
  request: {
    readonly domain: string;
    readonly live: boolean;
    readonly config: boolean;
    readonly timeout: Duration | undefined;
  },
  verb: string,
  call: Call,
  work: (now: DomainInfo, scope: ChangeScope, call: Call) => Promise<DomainInfo>,
): Promise<Operation> {
  scopeOf(findDomain(c, request.domain), request);
  const timeoutMs = millisecondsOf(request.timeout, "timeout") ?? GUEST_TIMEOUT_MS;
  return longDomainChange(c, request.domain, { verb, timeoutMs }, call, async (now, own) =>
    packDomain(c, await work(now, scopeOf(now, request), own)),
  );
}

/** Neither `live` nor `config` means the guest that runs if it runs, else its definition. */
function scopeOf(
  info: DomainInfo,
  { live, config }: { readonly live: boolean; readonly config: boolean },
): ChangeScope {
  const resource = { type: "domain", name: info.name };
  const runs = isActive(info.state);
  if (live && !runs) {
    throw new VirtError(
      "DOMAIN_NOT_RUNNING",
      `guest "${info.name}" does not run, only its definition can be changed`,
      { resource },
    );
  }
  if (config && !info.persistent) {
    throw new VirtError(
      "DOMAIN_TRANSIENT",
      `guest "${info.name}" is transient and has no definition to change, only what runs`,
      { resource },
    );
  }
  return live || config ? { live, config } : { live: runs, config: !runs };
}

export function packDomain(c: ServiceContext, info: DomainInfo): Any {
  return packAny("virtmesh.v1.Domain", Domain, toWireDomain(info, placeOf(c, info.uuid)));
}

function tooLate(name: string, verb: string, timeoutMs: number): VirtError {
  return new VirtError(
    "DEADLINE",
    `guest "${name}" had not come to the end of "${verb}" within ${timeoutMs / 1000} s; look at it, then try again with more time`,
    { resource: { type: "domain", name } },
  );
}

function ended(name: string, verb: string): VirtError {
  return new VirtError("CANCELLED", `guest "${name}" was ended while "${verb}" was under way`, {
    resource: { type: "domain", name },
  });
}
