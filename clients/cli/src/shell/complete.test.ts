import { GLOBAL_OPTIONS } from "../program.ts";
import { VERBS } from "../verbs/all.ts";
import { completeWords } from "./complete.ts";

const complete = (...words: string[]) => completeWords(VERBS, GLOBAL_OPTIONS, words);

describe("completion", () => {
  it("offers the verbs that fit", () => {
    expect(complete("mig").words).toEqual([
      "migrate",
      "migrate-postcopy",
      "migrate-recover",
      "migrate-setmaxdowntime",
      "migrate-setspeed",
      "migration",
      "migrations",
    ]);
  });

  it("offers the options of the verb and the global ones", () => {
    expect(complete("list", "--a").words).toEqual(["--all", "--autostart"]);
    expect(complete("list", "--js").words).toEqual(["--json"]);
  });

  it("asks the mesh for guests and connections", () => {
    expect(complete("start", "we")).toMatchObject({ ask: "domain", prefix: "we" });
    expect(complete("migrate", "web-1", "qemu://")).toMatchObject({ ask: "uri", prefix: "qemu://" });
    expect(complete("-c", "")).toMatchObject({ ask: "uri" });
  });

  it("asks the disk for files", () => {
    expect(complete("define", "")).toMatchObject({ ask: "file" });
    expect(complete("migrate", "a", "b", "--xml", "")).toMatchObject({ ask: "file" });
  });

  it("asks for pools, and for the volumes of the one that was named", () => {
    expect(complete("vol-list", "da")).toMatchObject({ ask: "pool", prefix: "da" });
    expect(complete("vol-delete", "x", "--pool", "")).toMatchObject({ ask: "pool" });
    expect(complete("vol-delete", "--pool", "data", "we")).toMatchObject({ ask: "volume", pool: "data" });
    expect(complete("vol-upload", "--pool", "data", "web", "")).toMatchObject({ ask: "file" });
  });

  it("asks for a guest, then for its disks and a file, where a disk is moved", () => {
    expect(complete("blockcopy", "we")).toMatchObject({ ask: "domain", prefix: "we" });
    expect(complete("blockcopy", "--pivot", "web", "v")).toMatchObject({
      ask: "guest-disk",
      domain: "web",
      prefix: "v",
    });
    expect(complete("blockcopy", "web", "vda", "/fast/")).toMatchObject({ ask: "file", prefix: "/fast/" });
    expect(complete("blockcopy", "web", "vda", "/fast/a", "--format", "q").words).toEqual(["qcow2"]);
  });

  it("offers the choices of an argument and of an option", () => {
    expect(complete("completion", "").words).toEqual(["bash", "fish", "zsh"]);
    expect(complete("migrate", "a", "b", "--comp-methods", "z").words).toEqual(["zlib", "zstd"]);
  });

  it("knows which connection and gateway were given, and does not take their values for arguments", () => {
    expect(complete("--gateway", "gw:1", "-c", "test:///default", "start", "")).toMatchObject({
      ask: "domain",
      gateway: "gw:1",
      connect: "test:///default",
    });
    expect(complete("start", "--json", "")).toMatchObject({ ask: "domain" });
  });

  it("goes on with guests where several can be named", () => {
    expect(complete("domstats", "a", "b", "")).toMatchObject({ ask: "domain" });
    expect(complete("start", "a", "")).toMatchObject({ ask: "none", words: [] });
  });
});
