/** The largest piece that is sent as one message; far below what either side takes. */
const PIECE_BYTES = 256 * 1024;

/** Large pieces cut into several, so that one message stays small. */
export async function* piecesOf(data: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of data) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) yield chunk.subarray(at, at + PIECE_BYTES);
  }
}

/**
 * The same bytes, or what is wrong with their number thrown: `long` before the first byte too many is given. The length may
 * become known on the way, at the latest with the end.
 */
export async function* exactly(
  data: AsyncIterable<Uint8Array>,
  length: () => bigint | undefined,
  wrong: { readonly short: (bytes: bigint) => Error; readonly long: (bytes: bigint) => Error },
): AsyncGenerator<Uint8Array> {
  let bytes = 0n;
  const check = (): void => {
    const expected = length();
    if (expected !== undefined && bytes > expected) throw wrong.long(expected);
  };
  for await (const chunk of data) {
    bytes += BigInt(chunk.length);
    check();
    yield chunk;
  }
  check();
  if (bytes !== length()) throw wrong.short(bytes);
}
