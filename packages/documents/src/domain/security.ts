import { bigHex, hex, int, nonEmpty, oneOf, onOff, text, yesNo } from "../schema/kinds.ts";
import { attribute, child, maybe, optional, textChild } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { choice, element } from "../schema/schema.ts";

/** The labels under which the guest's process and files are kept apart from others. */
export const seclabelSchema = element({
  type: maybe("type", oneOf("none", "dynamic", "static")),
  model: maybe("model", nonEmpty),
  relabel: maybe("relabel", yesNo),
  label: optional(textChild("label", text)),
  imagelabel: optional(textChild("imagelabel", text)),
  baselabel: optional(textChild("baselabel", text)),
});

/** Which keys of s390 the guest's wrapping keys protect. */
export const keywrapCipherSchema = element({
  name: attribute("name", oneOf("aes", "dea")),
  state: attribute("state", onOff),
});

const memoryEncryption = {
  cbitpos: optional(textChild("cbitpos", int())),
  reducedPhysBits: optional(textChild("reducedPhysBits", int())),
} as const;

/** Guests whose memory the host cannot read. */
export const launchSecuritySchema = choice("type", {
  sev: {
    kernelHashes: maybe("kernelHashes", yesNo),
    ...memoryEncryption,
    policy: textChild("policy", hex(0xffffffff, 4)),
    dhCert: optional(textChild("dhCert", nonEmpty)),
    session: optional(textChild("session", nonEmpty)),
  },
  "sev-snp": {
    kernelHashes: maybe("kernelHashes", yesNo),
    authorKey: maybe("authorKey", yesNo),
    vcek: maybe("vcek", yesNo),
    ...memoryEncryption,
    policy: textChild("policy", bigHex(4)),
    guestVisibleWorkarounds: optional(textChild("guestVisibleWorkarounds", nonEmpty)),
    idBlock: optional(textChild("idBlock", nonEmpty)),
    idAuth: optional(textChild("idAuth", nonEmpty)),
    hostData: optional(textChild("hostData", nonEmpty)),
  },
  tdx: {
    policy: optional(textChild("policy", bigHex(1))),
    mrConfigId: optional(textChild("mrConfigId", nonEmpty)),
    mrOwner: optional(textChild("mrOwner", nonEmpty)),
    mrOwnerConfig: optional(textChild("mrOwnerConfig", nonEmpty)),
    quoteGenerationService: optional(
      child("quoteGenerationService", element({ path: maybe("path", nonEmpty) })),
    ),
  },
  "s390-pv": {},
});

export type Seclabel = ModelOf<typeof seclabelSchema>;
export type LaunchSecurity = ModelOf<typeof launchSecuritySchema>;
