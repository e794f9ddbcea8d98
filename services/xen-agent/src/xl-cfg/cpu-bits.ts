import type { Cpu } from "@virtmesh/documents/domain/cpu";
import { given, type Json } from "./json.ts";
import { CPU_FEATURES } from "./names.ts";
import { unsupported } from "./setting.ts";

interface Register {
  readonly leaf: number;
  readonly subleaf?: number;
  readonly name: "eax" | "ebx" | "ecx" | "edx";
  /** What libxl calls its bits, from the lowest on. */
  readonly bits: readonly string[];
}

function register(leaf: number, subleaf: number | undefined, name: Register["name"], bits: string): Register {
  return { leaf, ...(subleaf === undefined ? {} : { subleaf }), name, bits: bits.split(" ") };
}

/** The registers of CPUID that tell features. */
const REGISTERS: readonly Register[] = [
  register(
    0x1,
    undefined,
    "ecx",
    "sse3 pclmulqdq dtes64 monitor dscpl vmx smx est tm2 ssse3 cntxid - fma cmpxchg16 xtpr pdcm - pcid dca sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave osxsave avx f16c rdrand hypervisor",
  ),
  register(
    0x1,
    undefined,
    "edx",
    "fpu vme de pse tsc msr pae mce cmpxchg8 apic - sysenter mtrr pge mca cmov pat pse36 psn clfsh - ds acpi mmx fxsr sse sse2 ss htt tm ia64 pbe",
  ),
  register(
    0x7,
    0,
    "ebx",
    "fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cmt - mpx - avx512f avx512dq rdseed adx smap avx512-ifma - clflushopt clwb proc-trace avx512pf avx512er avx512cd sha avx512bw avx512vl",
  ),
  register(0x7, 0, "ecx", "prefetchwt1 avx512-vbmi umip pku ospke"),
  register(0x7, 0, "edx", `${"- ".repeat(26)}ibrsb stibp l1d-flush arch-caps core-caps ssbd`),
  register(
    0x80000001,
    undefined,
    "ecx",
    "lahfsahf cmplegacy svm extapic altmovcr8 abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt - lwp fma4 tce - nodeid - tbm topoext perfctr_core perfctr_nb",
  ),
  register(
    0x80000001,
    undefined,
    "edx",
    "- - - - - - - - - - - syscall - - - - - - - - nx - mmxext - - ffxsr page1gb rdtscp - lm 3dnowext 3dnow",
  ),
];

const WIDTH = 32;
const AS_IT_IS = "x";

/** The bits of CPUID that features set or clear. @throws CONFIG_UNSUPPORTED for one that libxl has no name for */
export function cpuidOf(features: Cpu["features"]): readonly Json[] {
  const set = new Map<Register, string[]>();
  for (const [i, { name, policy }] of features.entries()) {
    if (policy === "optional") continue;
    const own = CPU_FEATURES[name] ?? name;
    const found = REGISTERS.find(({ bits }) => bits.includes(own));
    if (found === undefined)
      throw unsupported(`libxl knows no feature ${name}`, `cpu/feature[${i + 1}]/@name`);
    const bits = set.get(found) ?? Array<string>(WIDTH).fill(AS_IT_IS);
    bits[WIDTH - 1 - found.bits.indexOf(own)] = policy === "disable" || policy === "forbid" ? "0" : "1";
    set.set(found, bits);
  }
  const leaves = Map.groupBy(set, ([{ leaf, subleaf }]) => `${leaf} ${subleaf ?? ""}`);
  return [...leaves.values()].map((registers) => {
    const { leaf, subleaf } = registers[0]?.[0] ?? {};
    const values = registers.map(([{ name }, bits]) => [name, bits.join("")]);
    return given({ leaf, subleaf, ...Object.fromEntries(values) });
  });
}
