import type { QmpSchemaEntry } from "../qmp/commands.ts";

/** QEMU's own description of its protocol (`query-qmp-schema`), asked for what a command takes. */
export class QmpSchema {
  private readonly entries: ReadonlyMap<string, QmpSchemaEntry>;

  constructor(entries: readonly QmpSchemaEntry[]) {
    this.entries = new Map(entries.map((entry) => [entry.name, entry]));
  }

  /**
   * The variants of what a command takes: `qcow2`, `nbd` ... for `blockdev-add`. Members lead from the arguments to
   * the object that has them. Empty when this QEMU has no such command or member.
   */
  variantsOf(command: string, ...members: readonly string[]): ReadonlySet<string> {
    let type = this.entries.get(this.entries.get(command)?.["arg-type"] ?? "");
    for (const name of members) {
      type = this.entries.get(type?.members?.find((m) => m.name === name)?.type ?? "");
    }
    return new Set(type?.variants?.map((variant) => variant.case));
  }
}
