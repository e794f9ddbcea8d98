import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { FLAGS, NtlmError } from "./messages.ts";
import { Rc4 } from "./rc4.ts";

type Direction = "client-to-server" | "server-to-client";

export interface Sealed {
  readonly signature: Buffer;
  readonly data: Buffer;
}

/** One direction of a session (MS-NLMP 3.4): messages are counted, and the cipher goes on. */
export class Sealing {
  readonly #signKey: Buffer;
  readonly #cipher: Rc4;
  readonly #hasKeyExchange: boolean;
  #sequence = 0;

  constructor(sessionKey: Buffer, flags: number, direction: Direction) {
    const derive = (key: Buffer, use: string): Buffer =>
      createHash("md5")
        .update(key)
        .update(`session key to ${direction} ${use} key magic constant\0`)
        .digest();
    const bytes = (flags & FLAGS.key128) !== 0 ? 16 : (flags & FLAGS.key56) !== 0 ? 7 : 5;
    this.#signKey = derive(sessionKey, "signing");
    this.#cipher = new Rc4(derive(sessionKey.subarray(0, bytes), "sealing"));
    this.#hasKeyExchange = (flags & FLAGS.keyExchange) !== 0;
  }

  seal(message: Buffer): Sealed {
    const data = this.#cipher.apply(message);
    return { data, signature: this.#signature(message, this.#cipher) };
  }

  /** Signs what is not sealed. MS-SPNG 3.3.5.1: of the list of mechanisms, after which the cipher is as before. */
  mic(message: Buffer): Buffer {
    return this.#signature(message, this.#cipher.copy());
  }

  /** @throws NtlmError when it is not the next message, or not as it was sent */
  unseal({ signature, data }: Sealed): Buffer {
    const message = this.#cipher.apply(data);
    const expected = this.#signature(message, this.#cipher);
    if (signature.length !== expected.length || !timingSafeEqual(signature, expected))
      throw new NtlmError("the signature of a sealed message is wrong");
    return message;
  }

  #signature(message: Buffer, cipher: Rc4): Buffer {
    const signature = Buffer.alloc(16);
    signature.writeUInt32LE(1, 0);
    signature.writeUInt32LE(this.#sequence, 12);
    const digest = createHmac("md5", this.#signKey).update(signature.subarray(12)).update(message).digest();
    const checksum = digest.subarray(0, 8);
    (this.#hasKeyExchange ? cipher.apply(checksum) : checksum).copy(signature, 4);
    this.#sequence += 1;
    return signature;
  }
}
