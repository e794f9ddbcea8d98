import {
  CreateSnapshotRequest,
  DeleteSnapshotRequest,
  ListSnapshotsResponse,
  RevertSnapshotRequest,
  RevertState,
  Snapshot,
  SnapshotScope,
  SnapshotServiceService as S,
} from "@virtmesh/api/gen/virtmesh/v1/snapshot";
import { DomainState } from "@virtmesh/api/gen/virtmesh/v1/domain";
import { freshName, Guests } from "./guests.ts";
import { answerOf, change, perform } from "./long-work.ts";
import { needing, sharedSubject, type SubjectKind, supports } from "./subject.ts";

/** Snapshots as a tree: made, found, returned to, deleted. */
export function snapshotContract(kind: SubjectKind): void {
  describe(`snapshots (${kind.name})`, () => {
    const subject = sharedSubject(kind);
    const needs = needing(subject);
    const guests = new Guests(subject);
    let name = "";
    beforeEach(async () => {
      name = freshName();
      const xml = await subject().guestXml(name);
      await guests.defineXml(subject().snapshotXml?.(xml) ?? xml);
    });
    afterEach(async () => {
      for (const { name: snapshot, parent } of supports(subject(), "snapshots.list") ? await list() : [])
        if (parent === "") await remove(snapshot, SnapshotScope.SNAPSHOT_SCOPE_CHILDREN);
      await guests.remove(name);
    });

    const about = () => ({ uri: subject().uri, domain: name });
    const list = async (): Promise<Snapshot[]> =>
      (await subject().client.unary(S.listSnapshots, about())).snapshots;
    const create = async (snapshot: string, more: Partial<CreateSnapshotRequest> = {}): Promise<Snapshot> => {
      const request = CreateSnapshotRequest.fromPartial({ ...about(), name: snapshot, ...more });
      return answerOf(await perform(subject(), S.createSnapshot, request), Snapshot);
    };
    const remove = async (snapshot: string, scope?: SnapshotScope): Promise<string[]> => {
      const request = DeleteSnapshotRequest.fromPartial({
        ...{ ...about(), snapshot },
        ...(scope === undefined ? {} : { scope }),
      });
      const ended = await perform(subject(), S.deleteSnapshot, request);
      return answerOf(ended, ListSnapshotsResponse).snapshots.map((each) => each.name);
    };
    const shape = async () => (await list()).map(({ name: n, parent, current }) => [n, parent, current]);

    needs("snapshots.create")("are made one on the other, the last one being current", async () => {
      expect(await create("fresh", { description: "before anything" })).toMatchObject({
        ...{ name: "fresh", description: "before anything", parent: "", current: true, memory: false },
        state: DomainState.DOMAIN_STATE_SHUTOFF,
      });
      expect(await create("later")).toMatchObject({ name: "later", parent: "fresh" });
      expect(await shape()).toEqual([
        ["fresh", "", false],
        ["later", "fresh", true],
      ]);
    });

    needs("snapshots.create")("are found by name, and the current one without", async () => {
      await create("fresh");
      const get = (snapshot: string) => subject().client.unary(S.getSnapshot, { ...about(), snapshot });
      expect(await get("fresh")).toMatchObject({ name: "fresh" });
      expect(await get("")).toMatchObject({ name: "fresh" });
      await expect(get("none")).rejects.toMatchObject({ reason: "SNAPSHOT_NOT_FOUND", code: "NOT_FOUND" });
    });

    needs("snapshots.xml")("are described by libvirt's document", async () => {
      const xml = "<domainsnapshot><name>drawn</name><description>up</description></domainsnapshot>";
      expect(await create("", { xml })).toMatchObject({ name: "drawn", description: "up" });
      const request = { ...about(), snapshot: "drawn", secure: false };
      const text = (await subject().client.unary(S.getSnapshotXml, request)).xml;
      expect(text).toMatch(/<domainsnapshot>[\s\S]*<name>drawn<\/name>[\s\S]*<domain /);
    });

    needs("snapshots.create")("of one name are one", async () => {
      await create("fresh");
      await expect(create("fresh")).rejects.toMatchObject({
        reason: "SNAPSHOT_EXISTS",
        code: "ALREADY_EXISTS",
      });
    });

    needs("snapshots.create")("get a name when none is given", async () => {
      expect((await create("")).name).not.toBe("");
    });

    needs("snapshots.revert")("are returned to, and the guest can be made to run by that", async () => {
      await create("fresh");
      await create("later");
      const revert = (snapshot: string, state: RevertState) =>
        change(
          subject(),
          S.revertSnapshot,
          RevertSnapshotRequest.fromPartial({ ...about(), snapshot, state }),
        );
      expect(await revert("fresh", RevertState.REVERT_STATE_UNSPECIFIED)).toMatchObject({
        state: DomainState.DOMAIN_STATE_SHUTOFF,
      });
      expect((await subject().client.unary(S.getSnapshot, { ...about(), snapshot: "" })).name).toBe("fresh");
      const { REVERT_STATE_PAUSED, REVERT_STATE_RUNNING } = RevertState;
      const state = guests.startsPaused ? REVERT_STATE_PAUSED : REVERT_STATE_RUNNING;
      expect(await revert("later", state)).toMatchObject({ state: guests.stateStarted });
    });

    needs("snapshots.delete")("leave their children to their parent when they are deleted", async () => {
      for (const each of ["one", "two", "three"]) await create(each);
      expect(await remove("two")).toEqual(["one", "three"]);
      expect(await shape()).toEqual([
        ["one", "", false],
        ["three", "one", true],
      ]);
      expect(await remove("one", SnapshotScope.SNAPSHOT_SCOPE_CHILDREN_ONLY)).toEqual(["one"]);
      expect(await remove("one")).toEqual([]);
    });
  });
}
