import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { unsupported } from "../xl-cfg/setting.ts";
import { xlConfig, type XlHost } from "../xl-cfg/to-xl.ts";

const WISHES = [
  ["onPoweroff", "on_poweroff"],
  ["onReboot", "on_reboot"],
  ["onCrash", "on_crash"],
] as const;

/** The file that a guest of this host is started with. @throws CONFIG_UNSUPPORTED naming the place of what cannot be */
export function configOf(definition: DomainDefinition, host: XlHost): string {
  if (definition.type !== "xen") {
    throw unsupported(
      `Xen runs guests of the type "xen", "${definition.name}" is of the type "${definition.type}"`,
      "@type",
    );
  }
  for (const [key, element] of WISHES) {
    if (definition[key] === "rename-restart")
      throw unsupported("a guest of Xen that ended is kept (preserve) or restarted, not both", element);
  }
  const { vcpu, ...rest } = definition;
  const { current, ...all } = vcpu;
  // xl has no words for "all of them".
  return xlConfig({ ...rest, vcpu: current === vcpu.count ? all : vcpu }, host);
}
