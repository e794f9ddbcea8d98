import type { MeshClient } from "../client.ts";

/** What a suite needs to know of a driver and of the way to it. */
export interface Subject extends AsyncDisposable {
  readonly client: MeshClient;
  /** Connection URI with its host: `test://host-a/default`. */
  readonly uri: string;
  /** Name of the host in it. */
  readonly host: string;
  /** What the driver can do, as `supportOf` says it. */
  readonly support: ReadonlySet<string>;
  /** Names of a guest's first two disks, on the bus where this hypervisor has its disks. */
  readonly disks: DiskNames;
  /** A definition that can be started: its first disk, a serial console and a screen where there are such. */
  guestXml(name: string, uuid?: string): Promise<string>;
  /** A disk of that name that can be attached to such a guest. */
  diskXml(target: string): Promise<string>;
  /** How long a call may take, and what it makes happen. */
  readonly patienceMs: number;
  /** A path on the host where no file is. */
  newPath(name: string): string;
  /** A device that can be attached to such a guest, how it can change where it is, and what its definition says then. */
  deviceChange(): Promise<DeviceChange>;
  /** The pool and the volume that define a guest of that name, where the hypervisor keeps such; the path to register it by. */
  readonly guestFile?: (name: string) => GuestFile;
  /** How names of this hypervisor's disk images end: `.img`, `.vmdk`, ... */
  readonly volumeSuffix: string;
  /** The definition made into one of which snapshots can be taken, where it is not. */
  snapshotXml?(xml: string): string;
  /** Resolves when the system of such a guest has come up that many times, where something has to wait for that. */
  systemUp?(domain: string, times: number): Promise<void>;
  /** Whether guests have somebody inside who hears the power button; a guest without a kernel has not. */
  readonly guestsReact: boolean;
}

export interface GuestFile {
  readonly pool: string;
  readonly volume: string;
  readonly path: string;
}

export interface DeviceChange {
  readonly before: string;
  readonly after: string;
  readonly shows: string;
}

export interface DiskNames {
  readonly bus: string;
  readonly first: string;
  readonly second: string;
}

/** A driver, reached one way. */
export interface SubjectKind {
  /** For the title: "test, through the gateway". */
  readonly name: string;
  open(): Promise<Subject>;
}

/** One subject for all tests of a suite, made before the first and closed after the last. */
export function sharedSubject(kind: SubjectKind, timeoutMs = 120_000): () => Subject {
  let subject: Subject | undefined;
  beforeAll(async () => {
    subject = await kind.open();
  }, timeoutMs);
  afterAll(async () => {
    await subject?.[Symbol.asyncDispose]();
  }, timeoutMs);
  return () => {
    if (subject === undefined) throw new Error("the subject was not opened");
    return subject;
  };
}

export function supports(subject: Subject, method: string): boolean {
  return subject.support.has(method);
}

/** Something that a test takes for granted: a word of `supportOf`, or more than that. */
export type Need = string | { readonly what: string; isMet(subject: Subject): boolean };

/** The driver has not declared it. */
export function without(word: string): Need {
  return { what: `a driver without ${word}`, isMet: (subject) => !supports(subject, word) };
}

/** Somebody inside hears the power button. */
export const GUESTS_REACT: Need = { what: "guests that react", isMet: (subject) => subject.guestsReact };
export const GUESTS_ARE_DEAF: Need = {
  what: "guests that do not react",
  isMet: (subject) => !subject.guestsReact,
};

/**
 * `it` for what not every driver has. What a driver has is known only once it is open, which is after jest has asked for
 * the tests: so the test says what is missing in `leftOut`, and tools/jest-left-out.cjs has jest skip it by name then.
 */
export function needing(subject: () => Subject): (...needs: readonly Need[]) => DeclareTest {
  return (...needs) =>
    (name, run) => {
      const leftOut = (): readonly string[] =>
        needs.flatMap((need) => {
          if (typeof need === "string") return supports(subject(), need) ? [] : [need];
          return need.isMet(subject()) ? [] : [need.what];
        });
      it(
        name,
        Object.assign(() => run(), { leftOut }),
      );
    };
}

export type DeclareTest = (name: string, run: () => Promise<void>) => void;
