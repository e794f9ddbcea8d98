/** The kinds of boards whose built-in hardware is known. */
export type Board =
  | "i440fx"
  | "q35"
  | "microvm"
  | "isapc"
  | "arm-virt"
  | "riscv-virt"
  | "s390-ccw"
  | "pseries"
  | "malta"
  | "versatilepb"
  | "vexpress"
  | "other";

export function isX86(arch: string): boolean {
  return arch === "x86_64" || arch === "i686";
}

export function isArm(arch: string): boolean {
  return arch === "aarch64" || arch === "armv7l" || arch === "armv6l";
}

export function isRiscv(arch: string): boolean {
  return arch === "riscv64" || arch === "riscv32";
}

export function isS390(arch: string): boolean {
  return arch === "s390x" || arch === "s390";
}

export function isPpc64(arch: string): boolean {
  return arch === "ppc64" || arch === "ppc64le";
}

function isMips(arch: string): boolean {
  return arch.startsWith("mips");
}

type Is = (arch: string) => boolean;

/** Machine names by architecture; versions follow a hyphen: `pc-q35-7.2`, `virt-6.0`. */
const BOARDS: readonly (readonly [Is, RegExp, Board])[] = [
  [isX86, /^(q35|pc-q35-.*)$/, "q35"],
  [isX86, /^(pc|pc-[01]\..*|pc-i440fx-.*|rhel.*)$/, "i440fx"],
  [isX86, /^microvm$/, "microvm"],
  [isX86, /^isapc$/, "isapc"],
  [isArm, /^virt(-.*)?$/, "arm-virt"],
  [isArm, /^versatilepb$/, "versatilepb"],
  [isArm, /^vexpress-/, "vexpress"],
  [isRiscv, /^virt(-.*)?$/, "riscv-virt"],
  [isS390, /^s390-ccw/, "s390-ccw"],
  [isPpc64, /^pseries(-.*)?$/, "pseries"],
  [isMips, /^malta$/, "malta"],
];

export function boardOf(arch: string, machine: string): Board {
  return BOARDS.find(([is, name]) => is(arch) && name.test(machine))?.[2] ?? "other";
}

/** Boards with an IDE controller of their own, which is controller 0. */
export function hasBuiltInIde(arch: string, machine: string): boolean {
  return boardOf(arch, machine) === "i440fx" || ["malta", "sun4u", "g3beige"].includes(machine);
}

/** Boards whose SCSI adapter is an NCR 53C90 that is soldered on. */
export function hasBuiltInEsp(arch: string, machine: string): boolean {
  if (arch === "sparc") return true;
  if (arch.startsWith("mips64")) return machine === "magnum" || machine === "pica61";
  return arch === "m68k" && machine === "q800";
}

/** ARM and RISC-V boards have no PCI unless they are known to. */
export function supportsPci(arch: string, machine: string, hasGenericPcieHost: boolean): boolean {
  if (!isArm(arch) && !isRiscv(arch)) return true;
  const board = boardOf(arch, machine);
  return board === "versatilepb" || ((board === "arm-virt" || board === "riscv-virt") && hasGenericPcieHost);
}
