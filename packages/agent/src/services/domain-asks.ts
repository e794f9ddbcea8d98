import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import type { Duration } from "@virtmesh/api/gen/google/protobuf/duration";
import { Domain } from "@virtmesh/api/gen/virtmesh/v1/domain";
import type { Call } from "@virtmesh/core/call";
import type { LifecycleType } from "@virtmesh/core/domain/state";
import { isActive } from "@virtmesh/core/domain/state";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { need } from "@virtmesh/core/driver/driver";
import { VirtError } from "@virtmesh/core/errors";
import type { DomainUuid } from "@virtmesh/core/ids";
import { millisecondsOf } from "../convert/duration.ts";
import { toWireDomain } from "../convert/domain.ts";
import { packAny } from "../operations/any.ts";
import type { RunningOperation } from "../operations/operations.ts";
import type { ServiceContext } from "./context.ts";
import { findDomain, outliving, placeOf } from "./context.ts";

type Asked = "shutdown" | "reboot";

const DEFAULT_TIMEOUT_MS = 5 * 60_000;

/**
 * Asks a guest for something that it does in its own time. The operation ends when the guest has done it; the guest
 * is not held meanwhile, so that it can still be destroyed.
 */
export async function askDomain(
  c: ServiceContext,
  verb: Asked,
  request: { readonly domain: string; readonly timeout: Duration | undefined },
  call: Call,
): Promise<Operation> {
  const ask = need(c.driver, "domains", verb);
  const info = findDomain(c, request.domain);
  if (!isActive(info.state)) {
    throw new VirtError("DOMAIN_NOT_RUNNING", `guest "${info.name}" does not run, it is ${info.state}`, {
      resource: { type: "domain", name: info.name },
    });
  }
  const timeoutMs = millisecondsOf(request.timeout, "timeout") ?? DEFAULT_TIMEOUT_MS;
  return c.operations.start({ verb, uuid: info.uuid, name: info.name, call }, async (op) => {
    // Listening begins before the question, so that no answer is missed.
    using awaited = awaitLifecycle(c, info, verb, timeoutMs, op);
    const own = outliving(call, AbortSignal.any([op.signal, c.signal]));
    await c.queue.run({ uuid: info.uuid }, { verb, trace: call.trace }, own, () => ask(info.uuid, own));
    await awaited.done;
    return packAny("virtmesh.v1.Domain", Domain, toWireDomain(lastOf(c, info), placeOf(c, info.uuid)));
  });
}

/** The guest as it is now; a transient one that stopped is gone, and is shown as it was, off. */
function lastOf(c: ServiceContext, info: DomainInfo): DomainInfo {
  return (
    c.driver.domains.find(info.uuid) ?? {
      ...info,
      state: "shutoff",
      stateReason: "shutdown",
      id: 0,
      startTimeMs: 0,
    }
  );
}

/** What an event means for the one who waits. */
function meaning(verb: Asked, type: LifecycleType): "done" | "stopped" | undefined {
  switch (type) {
    case "stopped":
    case "crashed":
      return verb === "shutdown" ? "done" : "stopped";
    case "rebooted":
      return verb === "reboot" ? "done" : undefined;
    case "defined":
    case "undefined":
    case "started":
    case "suspended":
    case "resumed":
    case "shutdown":
    case "pmsuspended":
      return undefined;
  }
}

function awaitLifecycle(
  c: ServiceContext,
  info: { readonly uuid: DomainUuid; readonly name: string },
  verb: Asked,
  timeoutMs: number,
  op: RunningOperation,
): Disposable & { readonly done: Promise<void> } {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const resource = { type: "domain", name: info.name };
  const subscription = c.driver.domains.subscribe(({ uuid, body }) => {
    if (uuid !== info.uuid || body.kind !== "lifecycle") return;
    const what = meaning(verb, body.type);
    if (what === "done") resolve();
    if (what === "stopped") {
      reject(
        new VirtError("WRONG_STATE", `guest "${info.name}" stopped (${body.detail}) instead of rebooting`, {
          resource,
        }),
      );
    }
  });
  const late = setTimeout(() => {
    const text = `guest "${info.name}" did not ${verb === "shutdown" ? "shut down" : "reboot"} within ${timeoutMs / 1000} s; it was left alone, destroy or reset it if it must be`;
    reject(new VirtError("DEADLINE", text, { resource }));
  }, timeoutMs);
  const cancelled = (): void => {
    reject(
      new VirtError(
        "CANCELLED",
        `nobody waits any more for guest "${info.name}" to ${verb}; it was asked and may still do it`,
        {
          resource,
        },
      ),
    );
  };
  op.signal.addEventListener("abort", cancelled, { once: true });
  // When asking fails nobody awaits this one; its outcome is then the question's.
  promise.catch(() => undefined);
  return {
    done: promise,
    [Symbol.dispose]: () => {
      subscription[Symbol.dispose]();
      clearTimeout(late);
      op.signal.removeEventListener("abort", cancelled);
    },
  };
}
