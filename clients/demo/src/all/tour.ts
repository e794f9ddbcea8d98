import { AgentServiceService } from "@virtmesh/api/gen/virtmesh/v1/agent";
import { DomainServiceService, UndefineDomainRequest } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { LifecycleEventType as Type } from "@virtmesh/api/gen/virtmesh/v1/event";
import type { RunningMesh } from "@virtmesh/lab/mesh";
import type { EventStream } from "./event-stream.ts";

/** A guest that a hypervisor can be shown with. */
export interface ShownGuest {
  /** Connection URI: `qemu://host-qemu/system`. */
  readonly uri: string;
  readonly name: string;
  readonly xml: string;
}

/** Xen runs in an emulated machine and takes seconds for what others do in milliseconds. */
const STEP_MS = 90_000;

/**
 * Takes a guest through its life by the contract alone. Every step must be answered by its event in the one
 * stream; what a hypervisor says it cannot do is left out.
 * @returns the steps that were shown
 */
export async function tour(
  mesh: RunningMesh,
  events: EventStream,
  shownGuest: ShownGuest,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { uri, name } = shownGuest;
  const shown: string[] = [];
  const guest = { uri, domain: name, requestId: "" };
  const step = async (
    what: string,
    type: Type,
    call: (limit: AbortSignal) => Promise<unknown>,
  ): Promise<void> => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(STEP_MS)]);
    const from = events.position;
    await call(limit);
    await events.next(from, uri, name, type, limit);
    shown.push(what);
  };
  const { methods } = await mesh.unary(AgentServiceService.getSupport, { uri });

  await step("defined", Type.LIFECYCLE_EVENT_TYPE_DEFINED, async (limit) => {
    await define(mesh, shownGuest, limit);
  });
  await step("started", Type.LIFECYCLE_EVENT_TYPE_STARTED, async (limit) => {
    await start(mesh, shownGuest, limit);
  });
  if (methods.includes("domains.suspend")) {
    await step("suspended", Type.LIFECYCLE_EVENT_TYPE_SUSPENDED, async (limit) => {
      await mesh.unary(DomainServiceService.suspendDomain, guest, limit);
    });
    await step("resumed", Type.LIFECYCLE_EVENT_TYPE_RESUMED, async (limit) => {
      await mesh.unary(DomainServiceService.resumeDomain, guest, limit);
    });
  }
  await step("destroyed", Type.LIFECYCLE_EVENT_TYPE_STOPPED, async (limit) => {
    await mesh.unary(DomainServiceService.destroyDomain, guest, limit);
  });
  await step("undefined", Type.LIFECYCLE_EVENT_TYPE_UNDEFINED, async (limit) => {
    await mesh.unary(DomainServiceService.undefineDomain, UndefineDomainRequest.fromPartial(guest), limit);
  });
  return shown;
}

/** Defines and starts it, to be looked at. */
export async function leaveRunning(mesh: RunningMesh, guest: ShownGuest, signal: AbortSignal): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(STEP_MS)]);
  await define(mesh, guest, limit);
  await start(mesh, guest, limit);
}

async function define(mesh: RunningMesh, { uri, xml }: ShownGuest, signal: AbortSignal): Promise<void> {
  const request = { uri, requestId: "", xml, validateOnly: false, etag: "" };
  await mesh.unary(DomainServiceService.defineDomain, request, signal);
}

async function start(mesh: RunningMesh, { uri, name }: ShownGuest, signal: AbortSignal): Promise<void> {
  const request = { uri, requestId: "", domain: name, paused: false, forceBoot: false };
  await mesh.unary(DomainServiceService.startDomain, request, signal);
}
