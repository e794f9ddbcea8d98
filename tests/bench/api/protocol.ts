/** What a process of callers is told at its start, as its only argument in JSON. */
export interface CallersTarget {
  /** `host:port` of gRPC, or libvirt's connection URI. */
  readonly address: string;
  /** Connection URI in every request. */
  readonly uri: string;
  /** TLS folder of the caller and the name in the server's certificate; absent without TLS. */
  readonly tls?: { readonly dir: string; readonly serverName: string };
}

export const READS = ["state", "list", "stats"] as const;
export type Read = (typeof READS)[number];
export const CHANGES = ["define", "start", "suspend", "destroy"] as const;
export type Change = (typeof CHANGES)[number];

/** One line on a caller process's stdin. */
export type Order =
  /** Every caller reads again and again for so long. */
  | { readonly do: Read; readonly callers: number; readonly ms: number; readonly domain: string }
  /** Every caller defines a guest of its own, starts, suspends, destroys and undefines it, so many times. */
  | {
      readonly do: "life";
      readonly callers: number;
      readonly times: number;
      readonly xml: string;
      readonly prefix: string;
    }
  /** Defines one guest of each of these definitions, one after another. */
  | { readonly do: "fill"; readonly xmls: readonly string[] };

/** One line on its stdout: how long each call took, in milliseconds, by what was called. */
export interface Report {
  readonly took: Readonly<Partial<Record<Read | Change, readonly number[]>>>;
  readonly elapsedMs: number;
  readonly error?: string;
}

/** In `xml` of a life: replaced by the guest's name. */
export const NAME = "@NAME@";
