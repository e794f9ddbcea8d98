import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import { completeLxcDomain } from "@virtmesh/documents/domain/semantics/lxc";
import { structuresOf } from "../program/facts.ts";
import { rewritten } from "../rewritten.ts";
import type { Suite } from "../suite.ts";

/** The cases of lxcxml2xmltest. */
export const lxc: Suite = {
  name: "lxc",
  about: "definitions of containers, completed",
  goal: 98,
  cases: (corpus) =>
    structuresOf(corpus.program("lxcxml2xmltest.c"), "testInfo").map((info) => ({
      name: info["name"] ?? "",
      run: () => {
        const file = `lxc-${info["name"]}.xml`;
        const inactive = info["active_only"] !== "true";
        const emulator = "/usr/libexec/libvirt_lxc";
        const completed = completeLxcDomain(parseDomain(corpus.read("lxcxml2xmldata", file)), {
          ...{ emulator, arch: "x86_64", inactive },
        });
        const written = formatDomain(completed, {
          secure: true,
          inactive: inactive || completed.id === undefined,
        });
        const folder = info["different"] === "0" ? "lxcxml2xmldata" : "lxcxml2xmloutdata";
        return rewritten(corpus.read(folder, file), written, "domain");
      },
    })),
};
