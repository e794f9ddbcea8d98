import type { Operation } from "@virtmesh/api/gen/google/longrunning/operations";
import { DomainServiceService, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { OperationMetadata, OperationServiceService } from "@virtmesh/api/gen/virtmesh/v1/operation";
import { freshName, Guests } from "./guests.ts";
import { GUESTS_ARE_DEAF, GUESTS_REACT, needing, sharedSubject, type SubjectKind } from "./subject.ts";

const D = DomainServiceService;
const O = OperationServiceService;
const LONG = { seconds: 180n, nanos: 0 };
const SHORT = { seconds: 0n, nanos: 50_000_000 };
const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;

/** Long work, as the power button shows it. */
export function operationContract(kind: SubjectKind): void {
  describe(`operations (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const needs = needing(subject);
    const guests = new Guests(subject);
    let name = "";
    beforeEach(async () => {
      name = freshName();
      await guests.define(name);
      await guests.start(name, false);
    });
    afterEach(async () => guests.remove(name));

    const ask = (timeout: typeof LONG): Promise<Operation> => {
      const { client, uri } = subject();
      return client.unary(D.shutdownDomain, { uri, requestId: "", domain: name, timeout });
    };
    const wait = (operation: string, timeout = LONG): Promise<Operation> => {
      const { client, uri } = subject();
      return client.unary(O.waitOperation, { uri, name: operation, timeout });
    };

    needs("domains.shutdown", GUESTS_REACT)("end when the guest is off, not when it was asked", async () => {
      const done = await wait((await ask(LONG)).name);
      expect(done).toMatchObject({ done: true, result: { $case: "response" } });
      expect(await guests.get(name)).toMatchObject({
        state: DomainState.DOMAIN_STATE_SHUTOFF,
        stateReason: "shutdown",
      });
    });

    needs("domains.shutdown", GUESTS_ARE_DEAF)(
      "end at their time limit and leave a guest alone that does not react",
      async () => {
        const done = await wait((await ask(SHORT)).name);
        expect(done).toMatchObject({
          done: true,
          result: { $case: "error", value: { code: DEADLINE_EXCEEDED } },
        });
        expect(await guests.get(name)).toMatchObject({ state: DomainState.DOMAIN_STATE_RUNNING });
      },
    );

    needs("domains.shutdown")("say what they are about, and are listed", async () => {
      const { client, uri } = subject();
      const operation = await ask(LONG);
      expect(operation.name).toMatch(/^operations\/[0-9a-f-]{36}$/);
      const metadata = OperationMetadata.decode(operation.metadata?.value ?? Buffer.alloc(0));
      expect(metadata).toMatchObject({ uri, domainName: name, verb: "shutdown" });
      const { operations } = await client.unary(O.listOperations, {
        uri,
        pageSize: 0,
        pageToken: "",
        filter: `domain = "${name}"`,
      });
      expect(operations.map((each) => each.name)).toEqual([operation.name]);
      expect((await client.unary(O.getOperation, { uri, name: operation.name })).name).toBe(operation.name);
    });

    needs("domains.shutdown", GUESTS_ARE_DEAF)("can be cancelled, which is an end of its own", async () => {
      const { client, uri } = subject();
      const operation = await ask(LONG);
      await client.unary(O.cancelOperation, { uri, name: operation.name });
      expect(await wait(operation.name)).toMatchObject({
        done: true,
        result: { $case: "error", value: { code: CANCELLED } },
      });
    });

    needs("domains.shutdown")("can be watched from now until they are done", async () => {
      const { client, uri } = subject();
      const operation = await ask(subject().guestsReact ? LONG : SHORT);
      let last: Operation | undefined;
      const abort = new AbortController();
      for await (const state of client.stream(O.watchOperation, { uri, name: operation.name }, abort.signal))
        last = state;
      expect(last).toMatchObject({ name: operation.name, done: true });
    });

    it("that are not there are named", async () => {
      const { client, uri } = subject();
      const unknown = `operations/${crypto.randomUUID()}`;
      await expect(client.unary(O.getOperation, { uri, name: unknown })).rejects.toMatchObject({
        reason: "OPERATION_NOT_FOUND",
      });
    });
  });
}
