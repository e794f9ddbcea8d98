import { DomainServiceService, DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import {
  ManagedSaveDomainRequest,
  RestoreDomainRequest,
  SaveDomainRequest,
  SavedStateServiceService as S,
} from "@virtmesh/api/gen/virtmesh/v1/saved_state";
import { freshName, Guests } from "./guests.ts";
import { change } from "./long-work.ts";
import { needing, sharedSubject, type SubjectKind, supports, without } from "./subject.ts";

const SHUTOFF = { state: DomainState.DOMAIN_STATE_SHUTOFF, stateReason: "saved", id: 0 };

/** Guests that stop with their memory kept, and go on later. */
export function savedStateContract(kind: SubjectKind): void {
  describe(`saved guests (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const needs = needing(subject);
    const guests = new Guests(subject);
    let name = "";
    beforeEach(async () => {
      name = freshName();
      await guests.define(name);
    });
    afterEach(async () => guests.remove(name));

    /** Paused where that can be saved: a guest without a kernel has nothing to run. */
    const paused = () => guests.startsPaused && supports(subject(), "domains.pausedSave");
    const start = () => guests.start(name, paused());
    /** Starts it from nothing, for that many times now; one that runs has to help when it is saved. */
    const boot = async (times: number, starting = start) => {
      const domain = await starting();
      if (!paused()) await subject().systemUp?.(name, times);
      return domain;
    };
    const started = () => ({
      state: paused() ? DomainState.DOMAIN_STATE_PAUSED : DomainState.DOMAIN_STATE_RUNNING,
    });
    const about = () => ({ uri: subject().uri, domain: name });
    const save = (path: string) =>
      change(subject(), S.saveDomain, SaveDomainRequest.fromPartial({ ...about(), path }));
    const managedSave = () =>
      change(subject(), S.managedSaveDomain, ManagedSaveDomainRequest.fromPartial(about()));

    needs("savedState.save", "savedState.restore")(
      "are kept in a file and go on from it as they were",
      async () => {
        const { uri, client } = subject();
        const path = subject().newPath(name);
        const { uuid } = await boot(1);
        expect(await save(path)).toMatchObject(SHUTOFF);
        const inside = await client.unary(S.getSavedState, { uri, path, secure: false });
        expect(inside).toMatchObject({ uuid, name, running: !paused() });
        expect(inside.xml).toContain(`<name>${name}</name>`);
        const request = RestoreDomainRequest.fromPartial({ uri, path });
        expect(await change(subject(), S.restoreDomain, request)).toMatchObject({ uuid, ...started() });
        await expect(change(subject(), S.restoreDomain, request)).rejects.toMatchObject({
          reason: "DOMAIN_RUNNING",
        });
      },
    );

    needs("savedState.save")("do not replace a file", async () => {
      const path = subject().newPath(name);
      await boot(1);
      await save(path);
      await start();
      await expect(save(path)).rejects.toMatchObject({ reason: "ALREADY_EXISTS" });
      expect(await guests.get(name)).toMatchObject(started());
    });

    needs("savedState.inspect")("need a file that is there, at an absolute path", async () => {
      const { uri, client } = subject();
      const look = (path: string) => client.unary(S.getSavedState, { uri, path, secure: false });
      await expect(look(subject().newPath("none"))).rejects.toMatchObject({ reason: "FILE_NOT_FOUND" });
      await expect(look("here.save")).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    });

    needs("savedState.managedSave")("go on at their next start after a managed save, once", async () => {
      await boot(1);
      expect(await managedSave()).toMatchObject({ ...SHUTOFF, managedSave: true });
      expect(await start()).toMatchObject({ ...started(), managedSave: false });
    });

    needs("savedState.managedSave")(
      "can forget what was saved, and are not undefined with it by accident",
      async () => {
        const { uri, client } = subject();
        await boot(1);
        await managedSave();
        await expect(guests.undefine(name)).rejects.toMatchObject({ reason: "WRONG_STATE" });
        const again = { uri, requestId: "", domain: name, paused: paused(), forceBoot: true };
        const anew = () => client.unary(DomainServiceService.startDomain, again);
        expect(await boot(2, anew)).toMatchObject({ ...started(), managedSave: false });
        await managedSave();
        await client.unary(S.removeManagedSave, { uri, requestId: "", domain: name });
        expect(await guests.get(name)).toMatchObject({ managedSave: false });
      },
    );

    needs(
      "savedState.save",
      "domains.pausedStart",
      without("domains.pausedSave"),
    )("cannot be saved while their CPUs are stopped, and stay as they are", async () => {
      await guests.start(name, true);
      await expect(save(subject().newPath(name))).rejects.toMatchObject({ reason: "WRONG_STATE" });
      expect(await guests.get(name)).toMatchObject({ state: DomainState.DOMAIN_STATE_PAUSED });
    });

    needs("savedState.save")("must run to be saved", async () => {
      await expect(save(subject().newPath(name))).rejects.toMatchObject({ reason: "DOMAIN_NOT_RUNNING" });
    });
  });
}
