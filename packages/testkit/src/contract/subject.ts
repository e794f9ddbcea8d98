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
  /** A definition that can be started: one disk `vda`, a serial console, a screen. Without a UUID unless told. */
  guestXml(name: string, uuid?: string): Promise<string>;
  /** A disk of that name that can be attached to such a guest. */
  diskXml(target: string): Promise<string>;
  /** A path on the host where no file is. */
  newPath(name: string): string;
  /** The definition made into one of which snapshots can be taken, where it is not. */
  snapshotXml?(xml: string): string;
  /** Whether guests have somebody inside who hears the power button; a guest without a kernel has not. */
  readonly guestsReact: boolean;
}

/** A driver, reached one way. */
export interface SubjectKind {
  /** For the title: "test, through the gateway". */
  readonly name: string;
  open(): Promise<Subject>;
}

/** One subject for all tests of a suite, made before the first and closed after the last. */
export function sharedSubject(kind: SubjectKind, timeoutMs = 60_000): () => Subject {
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

/** Only when the driver has the method; the suite `unsupported` looks at the others. */
export function supports(subject: Subject, method: string): boolean {
  return subject.support.has(method);
}
