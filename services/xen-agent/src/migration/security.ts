import type { MigrationPlan, Obstacle } from "@virtmesh/core/driver/migration";
import type { TlsFiles } from "@virtmesh/kit/tls";
import type { LinkSecurity } from "./link.ts";

/** By what this host's agent protects what goes from host to host. */
export interface MigrationTrust {
  readonly tls: TlsFiles | undefined;
  readonly allowPlaintext: boolean;
}

/** undefined: in the clear, as the plan wants it. */
export function securityOf(
  plan: MigrationPlan,
  { tls }: MigrationTrust,
  peer: string,
): LinkSecurity | undefined {
  return plan.tls && tls !== undefined ? { files: tls, peer } : undefined;
}

/** `side`: "source" or "destination". */
export function trustObstacles(
  { mode, tls }: MigrationPlan,
  trust: MigrationTrust,
  side: string,
): readonly Obstacle[] {
  if (mode === "offline") return [];
  if (tls && trust.tls === undefined) {
    const description = `the ${side} agent has no certificates to protect the guest's memory with; start it with --tls-dir, or ask for plaintext`;
    return [{ type: "NO_CERTIFICATES", subject: side, description }];
  }
  if (!tls && !trust.allowPlaintext) {
    const description = `the ${side} agent moves no guests in the clear; start it with --allow-plaintext-migration to permit that`;
    return [{ type: "PLAINTEXT_REFUSED", subject: side, description }];
  }
  return [];
}
