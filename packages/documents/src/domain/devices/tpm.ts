import { int, nonEmpty, oneOf, uuid, yesNo } from "../../schema/kinds.ts";
import { attribute, attributeChild, child, maybe, namedChildren, optional } from "../../schema/parts.ts";
import type { ModelOf } from "../../schema/schema.ts";
import { choice, element } from "../../schema/schema.ts";
import { deviceInfo } from "./common.ts";

const pcrBanks = element({
  banks: namedChildren(oneOf("sha1", "sha256", "sha384", "sha512"), element({})),
});

/** Trusted platform modules: the host's, or one that swtpm emulates. */
export const tpmSchema = element({
  model: maybe("model", oneOf("tpm-tis", "tpm-crb", "tpm-spapr", "spapr-tpm-proxy")),
  backend: child(
    "backend",
    choice("type", {
      passthrough: { device: optional(attributeChild("device", "path", nonEmpty)) },
      emulator: {
        version: maybe("version", oneOf("1.2", "2.0")),
        persistentState: maybe("persistent_state", yesNo),
        debug: maybe("debug", int()),
        encryption: optional(attributeChild("encryption", "secret", uuid)),
        activePcrBanks: optional(child("active_pcr_banks", pcrBanks)),
        source: optional(
          child(
            "source",
            element({ type: attribute("type", oneOf("dir", "file")), path: attribute("path", nonEmpty) }),
          ),
        ),
        profile: optional(
          child(
            "profile",
            element({
              source: maybe("source", nonEmpty),
              removeDisabled: maybe("removeDisabled", oneOf("check", "fips-host")),
              name: maybe("name", nonEmpty),
            }),
          ),
        ),
      },
      external: {
        source: child(
          "source",
          element({
            type: attribute("type", oneOf("unix")),
            mode: maybe("mode", oneOf("connect")),
            path: maybe("path", nonEmpty),
          }),
        ),
      },
    }),
  ),
  ...deviceInfo,
});

export type Tpm = ModelOf<typeof tpmSchema>;
