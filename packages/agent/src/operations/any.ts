import type { Any } from "@virtmesh/api/gen/google/protobuf/any";

/** The half of a generated message type that packs it. */
export interface Encoder<T> {
  encode(message: T): { finish(): Uint8Array };
}

/** Packs a message; `type` is its full name: `virtmesh.v1.MigrationReport`. */
export function packAny<T>(type: string, encoder: Encoder<T>, message: T): Any {
  return { typeUrl: `type.googleapis.com/${type}`, value: Buffer.from(encoder.encode(message).finish()) };
}
