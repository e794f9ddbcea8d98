/** RC4, with which NTLM seals; OpenSSL does not have it any more. One stream: each use goes on where the last one ended. */
export class Rc4 {
  readonly #box = Uint8Array.from({ length: 256 }, (_, i) => i);
  #i = 0;
  #j = 0;

  constructor(key: Buffer) {
    let j = 0;
    for (let i = 0; i < 256; i++) {
      j = (j + this.#at(i) + (key[i % key.length] ?? 0)) & 255;
      this.#swap(i, j);
    }
  }

  apply(data: Buffer): Buffer {
    return Buffer.from(
      data.map((byte) => {
        this.#i = (this.#i + 1) & 255;
        this.#j = (this.#j + this.#at(this.#i)) & 255;
        this.#swap(this.#i, this.#j);
        return byte ^ this.#at((this.#at(this.#i) + this.#at(this.#j)) & 255);
      }),
    );
  }

  #at(index: number): number {
    return this.#box[index] ?? 0;
  }

  #swap(a: number, b: number): void {
    const kept = this.#at(a);
    this.#box[a] = this.#at(b);
    this.#box[b] = kept;
  }
}
