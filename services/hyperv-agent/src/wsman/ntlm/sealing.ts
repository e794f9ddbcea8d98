import { timingSafeEqual } from "node:crypto";
import { WsmanProtocolError } from "../errors.ts";
import { type Direction, hmacMd5, sealKey, signKey } from "./keys.ts";
import { Rc4 } from "./rc4.ts";

export const SIGNATURE_BYTES = 16;

/** One direction of a session: messages are sealed and signed one after the other (MS-NLMP 3.4.3, 3.4.4.2). */
export class Sealing {
  readonly #signKey: Buffer;
  readonly #stream: Rc4;
  #sequence = 0;

  constructor(sessionKey: Buffer, direction: Direction) {
    this.#signKey = signKey(sessionKey, direction);
    this.#stream = new Rc4(sealKey(sessionKey, direction));
  }

  seal(message: Buffer): { readonly signature: Buffer; readonly sealed: Buffer } {
    const sealed = this.#stream.apply(message);
    return { sealed, signature: this.#sign(message) };
  }

  /** @throws WsmanProtocolError when it is not what the other side has sealed */
  unseal(signature: Buffer, sealed: Buffer): Buffer {
    const message = this.#stream.apply(sealed);
    const expected = this.#sign(message);
    if (signature.length !== expected.length || !timingSafeEqual(signature, expected))
      throw new WsmanProtocolError("a sealed message was changed on its way");
    return message;
  }

  #sign(message: Buffer): Buffer {
    const sequence = Buffer.alloc(4);
    sequence.writeUInt32LE(this.#sequence++);
    const checksum = hmacMd5(this.#signKey, sequence, message).subarray(0, 8);
    return Buffer.concat([Buffer.from([1, 0, 0, 0]), this.#stream.apply(checksum), sequence]);
  }
}
