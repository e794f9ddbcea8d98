import type { Socket } from "./socket.ts";

export type PciModel =
  | "pci-root"
  | "pcie-root"
  | "pci-bridge"
  | "dmi-to-pci-bridge"
  | "pcie-to-pci-bridge"
  | "pcie-root-port"
  | "pcie-switch-upstream-port"
  | "pcie-switch-downstream-port"
  | "pci-expander-bus"
  | "pcie-expander-bus";

interface Downstream {
  readonly takes: readonly Socket[];
  /** Endpoints are put there without being asked for. */
  readonly auto: boolean;
  readonly slots: readonly [first: number, last: number];
}

/**
 * What can be plugged into each controller. Slot 0 of bridges is that of their hotplug controller, slot 0 of a
 * root bus that of the host bridge; ports have one slot. Nothing can be hotplugged into pcie-root, which is why
 * endpoints only go there when their address says so.
 */
const DOWNSTREAM: Readonly<Record<PciModel, Downstream>> = {
  "pci-root": { takes: ["pci", "pci-bridge", "pci-expander-bus"], auto: true, slots: [1, 31] },
  "pci-bridge": { takes: ["pci", "pci-bridge"], auto: true, slots: [1, 31] },
  "pci-expander-bus": { takes: ["pci", "pci-bridge"], auto: true, slots: [0, 31] },
  "pcie-root": {
    takes: ["pcie", "pcie-root-port", "dmi-to-pci-bridge", "pcie-expander-bus"],
    auto: false,
    slots: [1, 31],
  },
  "dmi-to-pci-bridge": { takes: ["pci", "pci-bridge"], auto: false, slots: [0, 31] },
  "pcie-to-pci-bridge": { takes: ["pci", "pci-bridge"], auto: true, slots: [1, 31] },
  "pcie-root-port": {
    takes: ["pcie", "pcie-switch-upstream-port", "pcie-to-pci-bridge"],
    auto: true,
    slots: [0, 0],
  },
  "pcie-switch-downstream-port": {
    takes: ["pcie", "pcie-switch-upstream-port", "pcie-to-pci-bridge"],
    auto: true,
    slots: [0, 0],
  },
  "pcie-switch-upstream-port": { takes: ["pcie-switch-downstream-port"], auto: false, slots: [0, 31] },
  "pcie-expander-bus": { takes: ["pcie-root-port", "dmi-to-pci-bridge"], auto: false, slots: [0, 31] },
};

export function isPciModel(model: string): model is PciModel {
  return Object.hasOwn(DOWNSTREAM, model);
}

/** One PCI bus while addresses are given out. */
export class PciBus {
  readonly model: PciModel;
  readonly first: number;
  readonly last: number;
  /** Devices of different groups must not share a bus; 0 is the group of all emulated devices. */
  group: number;
  readonly groupFixed: boolean;
  readonly auto: boolean;
  readonly takes: ReadonlySet<Socket>;
  /** By slot, the functions that are taken as bits. */
  private readonly functions = new Map<number, number>();
  /** Slots whose devices all share slots. */
  private readonly shared = new Set<number>();

  constructor(
    model: PciModel,
    options: { readonly group?: number; readonly groupFixed?: boolean; readonly only?: Socket } = {},
  ) {
    const { takes, auto, slots } = DOWNSTREAM[model];
    this.model = model;
    [this.first, this.last] = slots;
    this.group = options.group ?? 0;
    this.groupFixed = options.groupFixed ?? false;
    this.takes = new Set(options.only === undefined ? takes : [options.only]);
    this.auto = options.only === undefined && auto;
  }

  taken(slot: number): number {
    return this.functions.get(slot) ?? 0;
  }

  get isEmpty(): boolean {
    return this.slots().every((slot) => this.taken(slot) === 0);
  }

  get isFull(): boolean {
    return this.slots().every((slot) => this.taken(slot) !== 0);
  }

  /** The lowest free place from the first slot on; `fn` is the function wanted, any if undefined. */
  free(sharesSlot: boolean, fn: number | undefined): { slot: number; function: number } | undefined {
    for (const slot of this.slots()) {
      const taken = this.taken(slot);
      if (taken === 0) return { slot, function: fn ?? 0 };
      if (!sharesSlot || !this.shared.has(slot)) continue;
      const choices = fn === undefined ? [0, 1, 2, 3, 4, 5, 6, 7] : [fn];
      const found = choices.find((f) => (taken & (1 << f)) === 0);
      if (found !== undefined) return { slot, function: found };
    }
    return undefined;
  }

  take(slot: number, fn: number, sharesSlot: boolean): void {
    if (sharesSlot && this.taken(slot) === 0) this.shared.add(slot);
    this.functions.set(slot, this.taken(slot) | (1 << fn));
  }

  private slots(): readonly number[] {
    return Array.from({ length: this.last - this.first + 1 }, (_, i) => this.first + i);
  }
}
