/** A class as Microsoft's reference describes it; what it has from its base is left out, but for defaults. */
export interface ClassSource {
  readonly base?: string;
  readonly keys: readonly string[];
  /** `uint16`, `string[]`, `CIM_System REF`; the name of a class for an embedded instance. */
  readonly properties: Readonly<Record<string, string>>;
  /** What its base has and it has not. */
  readonly absent?: readonly string[];
  /** What its page says can be written ("Access type: Read/write"). */
  readonly writable?: readonly string[];
  /** As written in MOF: `2`, `"OK"`, `{ 2 }`. */
  readonly defaults: Readonly<Record<string, string>>;
  /** Parameters by method: `in uint16 RequestedState`, `in+out CIM_VirtualSystemSettingData REF ResultingSnapshot`. */
  readonly methods: Readonly<Record<string, readonly string[]>>;
}
