import { randomUUID } from "node:crypto";
import { document } from "../schema/document.ts";
import { nonEmpty, text, uuid, yesNo } from "../schema/kinds.ts";
import { attribute, child, defaulted, optional, textChild } from "../schema/parts.ts";
import type { ModelOf } from "../schema/schema.ts";
import { choice, element } from "../schema/schema.ts";

const named = { name: textChild("name", nonEmpty) } as const;

/** The `<secret>` document: what a secret is for. Its value is never in it. */
export const secretSchema = element({
  /** Kept in memory only. */
  ephemeral: defaulted(attribute("ephemeral", yesNo), false),
  /** Its value is never told to anyone. */
  private: defaulted(attribute("private", yesNo), false),
  uuid: optional(textChild("uuid", uuid)),
  description: optional(textChild("description", text)),
  usage: optional(
    child(
      "usage",
      choice("type", {
        volume: { volume: textChild("volume", nonEmpty) },
        ceph: named,
        iscsi: { target: textChild("target", nonEmpty) },
        tls: named,
        vtpm: named,
      }),
    ),
  ),
});

/** A `<secret>` document as a value. */
export interface SecretDefinition extends ModelOf<typeof secretSchema> {}

const secretDocument = document("secret", secretSchema);

/** @throws XML_SYNTAX, XML_FORBIDDEN, XML_LIMIT, XML_UNKNOWN, XML_INVALID with path, line and column */
export function parseSecret(xml: string): SecretDefinition {
  return secretDocument.parse(xml);
}

export function formatSecret(secret: SecretDefinition): string {
  return secretDocument.format(secret);
}

/** Gives it a UUID if it has none. */
export function completeSecret(secret: SecretDefinition): SecretDefinition {
  return { ...secret, uuid: secret.uuid ?? randomUUID() };
}
