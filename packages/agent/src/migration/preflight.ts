import { MigrationPeerServiceService } from "@virtmesh/api/gen/virtmesh/v1/migration_peer";
import type { Call } from "@virtmesh/core/call";
import { isActive } from "@virtmesh/core/domain/state";
import type { DomainInfo } from "@virtmesh/core/driver/domains";
import { need } from "@virtmesh/core/driver/driver";
import type { MigrationOffer, MigrationPlan, Obstacle } from "@virtmesh/core/driver/migration";
import { VirtError } from "@virtmesh/core/errors";
import { generation } from "@virtmesh/core/ids";
import { questionCall } from "@virtmesh/kit/grpc-client";
import type { MigrationContext } from "./context.ts";
import { offerToWire } from "./wire.ts";

export interface Preflight {
  readonly offer: MigrationOffer;
  readonly obstacles: readonly Obstacle[];
  readonly warnings: readonly string[];
}

/** A guest of this host. @throws DOMAIN_NOT_FOUND */
export function findGuest({ driver, host }: MigrationContext, ref: string): DomainInfo {
  const domain = driver.domains.find(ref);
  if (domain !== undefined) return domain;
  throw new VirtError("DOMAIN_NOT_FOUND", `there is no guest "${ref}" on ${host}`, {
    resource: { type: "domain", name: ref },
  });
}

/** @throws DOMAIN_NOT_RUNNING, DOMAIN_RUNNING */
export function checkMode({ mode }: MigrationPlan, domain: DomainInfo): void {
  if (mode === "live" && !isActive(domain.state)) {
    throw new VirtError(
      "DOMAIN_NOT_RUNNING",
      `guest "${domain.name}" does not run: migrate it offline, or start it first`,
    );
  }
  if (mode === "offline" && isActive(domain.state)) {
    throw new VirtError(
      "DOMAIN_RUNNING",
      `guest "${domain.name}" runs: an offline migration moves only the definition of one that is off`,
    );
  }
}

/** Everything in the way, on both sides, found without changing anything. */
export async function examineBoth(
  c: MigrationContext,
  plan: MigrationPlan,
  destinationUri: string,
  call: Call,
): Promise<Preflight> {
  const { offer, ...here } = await examineSource(c, plan, call);
  const there = await questionCall(
    c.peer(destinationUri),
    MigrationPeerServiceService.examine,
    { uri: destinationUri, offer: offerToWire(offer) },
    {
      signal: call.signal,
      trace: call.trace,
      ...(call.deadline === undefined ? {} : { deadline: call.deadline }),
    },
  );
  return {
    offer,
    obstacles: [...here.obstacles, ...there.obstacles],
    warnings: [...here.warnings, ...there.warnings],
  };
}

/** The guest as it is now on the source, and what stands in the way there. */
export async function examineSource(
  c: MigrationContext,
  plan: MigrationPlan,
  call: Call,
): Promise<Preflight> {
  const here = await need(c.driver, "migrationSource", "examine")(plan, call);
  const own = c.tokens.lastGenerationOf(plan.uuid);
  return {
    ...here,
    offer: {
      ...here.offer,
      sourceHost: c.host,
      sourceHostUuid: c.driver.host.info().uuid,
      nextGeneration: generation(own + 1n),
    },
  };
}

/** What stands in the way on the destination: what is so for every hypervisor, and what its driver finds. */
export async function examineDestination(
  c: MigrationContext,
  offer: MigrationOffer,
  call: Call,
): Promise<{ readonly obstacles: readonly Obstacle[]; readonly warnings: readonly string[] }> {
  const obstacles: Obstacle[] = [];
  if (c.cordon.cordoned) {
    obstacles.push({ type: "HOST_CORDONED", subject: c.host, description: c.cordon.refusal });
  }
  if (offer.sourceHost === c.host) {
    obstacles.push({ type: "SAME_HOST", subject: c.host, description: `the guest is on ${c.host} already` });
  }
  const same = c.driver.domains.find(offer.plan.uuid);
  if (same !== undefined && isActive(same.state)) {
    obstacles.push({
      type: "DOMAIN_EXISTS",
      subject: offer.plan.uuid,
      description: `a guest with this UUID runs on ${c.host}, as "${same.name}"`,
    });
  }
  const name = offer.plan.destinationName === "" ? offer.name : offer.plan.destinationName;
  const named = c.driver.domains.find(name);
  if (named !== undefined && named.uuid !== offer.plan.uuid) {
    obstacles.push({
      type: "NAME_TAKEN",
      subject: name,
      description: `${c.host} has another guest called "${name}"; give the guest another name there`,
    });
  }
  const found = await need(c.driver, "migrationDestination", "examine")(offer, call);
  return { obstacles: [...obstacles, ...found.obstacles], warnings: found.warnings };
}

/** The error that lists them all. */
export function blocked(name: string, obstacles: readonly Obstacle[]): VirtError {
  const [first] = obstacles;
  const more = obstacles.length > 1 ? ` (and ${obstacles.length - 1} more)` : "";
  return new VirtError(
    "MIGRATION_BLOCKED",
    `guest "${name}" cannot be migrated: ${first?.description ?? ""}${more}`,
    {
      preconditions: obstacles,
      resource: { type: "domain", name },
    },
  );
}
