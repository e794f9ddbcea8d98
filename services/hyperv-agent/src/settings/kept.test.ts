import fc from "fast-check";
import { type DomainUuid } from "@virtmesh/core/ids";
import { checkpointDescription, readNotes, withCheckpoint, writeNotes } from "./kept.ts";

const SYSTEM = "7B2830CD-F187-4B34-BA0F-40C3FC196B89";
const OTHER = "11111111-2222-4333-8444-555555555555";
const UUID = OTHER as DomainUuid;

describe("the notes of a guest", () => {
  it("are only what people wrote when there is nothing to keep", () => {
    expect(writeNotes({ uuid: SYSTEM.toLowerCase() as DomainUuid, description: "web" }, "", SYSTEM)).toEqual([
      "web",
    ]);
    expect(readNotes(["web\r\nsecond"], SYSTEM)).toEqual({ description: "web\nsecond", kept: {} });
  });

  it("give back what Hyper-V has no place for, whatever it is", () => {
    const line = fc.stringMatching(/^[\x20-\x7e\u00a0-\ud7ff]*$/);
    fc.assert(
      fc.property(line, line, line, (description, title, metadata) => {
        fc.pre(!description.startsWith("virtmesh"));
        const notes = writeNotes({ uuid: UUID, description, title }, metadata, SYSTEM);
        const read = readNotes(notes, SYSTEM);
        expect(read.description).toBe(description);
        expect(read.kept).toMatchObject({ uuid: UUID, title, ...(metadata === "" ? {} : { metadata }) });
      }),
    );
  });

  it("of a copy say nothing of the copy", () => {
    const notes = writeNotes({ uuid: UUID }, "", SYSTEM);
    expect(readNotes(notes, OTHER).kept).toEqual({});
  });

  it("count before the guest has its GUID", () => {
    expect(readNotes(writeNotes({ uuid: UUID }, "", undefined), SYSTEM).kept.uuid).toBe(UUID);
  });

  it("say nothing when somebody has changed our line", () => {
    const [notes = ""] = writeNotes({ uuid: UUID, title: "T" }, "", SYSTEM);
    expect(readNotes([notes.replace(UUID, "11111111")], SYSTEM).kept).toEqual({});
  });

  it("that people wrote may look like ours", () => {
    expect(readNotes(["virtmesh:{not json", "virtmesh:7"], SYSTEM).kept).toEqual({});
  });

  it("of a checkpoint are those of its guest, and its description", () => {
    const notes = withCheckpoint(writeNotes({ uuid: UUID, description: "web" }, "", SYSTEM), "before\nit");
    expect(checkpointDescription(notes)).toBe("before\nit");
    expect(readNotes(notes, SYSTEM)).toMatchObject({ description: "web", kept: { uuid: UUID } });
    expect(checkpointDescription(["web"])).toBe("");
  });
});
