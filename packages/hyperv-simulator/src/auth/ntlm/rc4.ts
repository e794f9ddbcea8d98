/** A stream of RC4, which goes on from call to call. OpenSSL has it no more. */
export class Rc4 {
  #state = Uint8Array.from({ length: 256 }, (_, i) => i);
  #i = 0;
  #j = 0;

  constructor(key: Buffer) {
    let j = 0;
    for (let i = 0; i < 256; i++) {
      j = (j + this.#at(i) + (key[i % key.length] ?? 0)) & 255;
      this.#swap(i, j);
    }
  }

  /** Another stream that goes on from the same place. */
  copy(): Rc4 {
    const other = new Rc4(Buffer.alloc(1));
    other.#state = Uint8Array.from(this.#state);
    [other.#i, other.#j] = [this.#i, this.#j];
    return other;
  }

  /** Encrypts, which is the same as to decrypt. */
  apply(data: Buffer): Buffer {
    return Buffer.from(data.map((byte) => byte ^ this.#next()));
  }

  #next(): number {
    this.#i = (this.#i + 1) & 255;
    this.#j = (this.#j + this.#at(this.#i)) & 255;
    this.#swap(this.#i, this.#j);
    return this.#at((this.#at(this.#i) + this.#at(this.#j)) & 255);
  }

  #at(i: number): number {
    return this.#state[i] ?? 0;
  }

  #swap(i: number, j: number): void {
    const kept = this.#at(i);
    this.#state[i] = this.#at(j);
    this.#state[j] = kept;
  }
}
