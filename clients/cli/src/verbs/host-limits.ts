import { MigrationLimits, MigrationServiceService as service } from "@virtmesh/api/gen/virtmesh/v1/migration";
import { formatRate } from "../output/units.ts";
import type { Session } from "../session.ts";
import type { Given, VerbOption } from "../verb.ts";

const MIB = 1024 ** 2;

interface LimitOption {
  readonly option: string;
  readonly flags: string;
  readonly help: string;
  /** In the update mask. */
  readonly path: string;
  readonly field: keyof MigrationLimits;
  readonly isBandwidth: boolean;
}

const LIMITS: readonly LimitOption[] = [
  count("outgoing", "outgoing", "outgoing", "migrations from the host at once"),
  count("incoming", "incoming", "incoming", "migrations to the host at once"),
  count("perLink", "per_link", "perLink", "migrations from the host to any one other at once"),
  bandwidth(
    "outgoingBandwidth",
    "outgoing_bandwidth_bytes_per_second",
    "outgoingBandwidthBytesPerSecond",
    "all migrations from the host share",
  ),
  bandwidth(
    "incomingBandwidth",
    "incoming_bandwidth_bytes_per_second",
    "incomingBandwidthBytesPerSecond",
    "all to the host share",
  ),
  bandwidth(
    "linkBandwidth",
    "link_bandwidth_bytes_per_second",
    "linkBandwidthBytesPerSecond",
    "all from the host to any one other share",
  ),
];

export const LIMIT_OPTIONS: readonly VerbOption[] = LIMITS.map(({ flags, help }) => ({ flags, help }));

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function count(option: string, path: string, field: LimitOption["field"], what: string): LimitOption {
  return {
    option,
    path,
    field,
    flags: `--${dashed(option)} <number>`,
    help: `limits: ${what}`,
    isBandwidth: false,
  };
}

function bandwidth(option: string, path: string, field: LimitOption["field"], who: string): LimitOption {
  return {
    option,
    path,
    field,
    flags: `--${dashed(option)} <MiB/s>`,
    help: `limits: what ${who}; 0 is no limit`,
    isBandwidth: true,
  };
}

/** Shows the limits of a host's migrations, after changing those that were given. */
export async function limits(session: Session, uri: string, given: Given): Promise<void> {
  const changed = LIMITS.filter((l) => given.text(l.option) !== "");
  const values = Object.fromEntries(
    changed.map((l) => {
      const number = given.number(l.option) ?? 0;
      return [l.field, l.isBandwidth ? BigInt(Math.round(number * MIB)) : number];
    }),
  );
  const answer =
    changed.length === 0
      ? await session.rpc.unary(service.getMigrationLimits, { uri })
      : await session.rpc.unary(service.updateMigrationLimits, {
          uri,
          requestId: crypto.randomUUID(),
          limits: { ...MigrationLimits.fromPartial({}), ...values },
          updateMask: changed.map((l) => l.path),
        });
  if (session.globals.json) return session.terminal.object(MigrationLimits.toJSON(answer));
  const rate = (bytes: bigint): string => (bytes === 0n ? "no limit" : formatRate(bytes));
  const used = (limit: number, running: number, waiting: number): string =>
    `${limit} at once, ${running} now, ${waiting} waiting`;
  session.terminal.fields([
    ["Outgoing", used(answer.outgoing, answer.runningOutgoing, answer.waitingOutgoing)],
    ["Incoming", used(answer.incoming, answer.runningIncoming, answer.waitingIncoming)],
    ["Per link", `${answer.perLink} at once`],
    ["Outgoing bandwidth", rate(answer.outgoingBandwidthBytesPerSecond)],
    ["Incoming bandwidth", rate(answer.incomingBandwidthBytesPerSecond)],
    ["Link bandwidth", rate(answer.linkBandwidthBytesPerSecond)],
  ]);
}
