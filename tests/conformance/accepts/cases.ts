import { readXml } from "@virtmesh/documents/xml/read";
import type { XmlElement } from "@virtmesh/documents/xml/tree";
import { elementsOf } from "@virtmesh/documents/xml/tree";
import type { Corpus } from "../corpus.ts";

/** A definition that is to come up, as both sides get it. */
export interface GuestCase {
  readonly name: string;
  readonly xml: string;
}

/** Where Debian has the binary. */
export const BINARY = "/usr/bin/qemu-system-x86_64";

/**
 * Every definition of the corpus for QEMU on x86 of which libvirt's own tests make arguments. Two things are made as
 * this host has them: the guest runs by emulation, and by the QEMU that is installed.
 */
export function guestCases(corpus: Corpus): readonly GuestCase[] {
  const folder = corpus.folder("qemuxml2argvdata", "qemuxmlconfdata");
  const arguments_ = corpus.list(folder, ".args");
  const accepted = new Set(
    arguments_.flatMap((file) => /^(.*?)(?:\.x86_64-[\w.]+)?\.args$/.exec(file)?.[1] ?? []),
  );
  return corpus.list(folder).flatMap((file): GuestCase[] => {
    const name = file.replace(/\.xml$/, "");
    if (!accepted.has(name)) return [];
    const xml = corpus.read(folder, file);
    const root = readXml(xml);
    if (root.local !== "domain" || !isX86(root)) return [];
    const type = root.attributes.find((a) => a.name === "type")?.value;
    if ((type !== "kvm" && type !== "qemu") || takesAllMemory(root)) return [];
    return [{ name, xml: onThisHost(xml) }];
  });
}

function isX86(root: XmlElement): boolean {
  const os = elementsOf(root).find((child) => child.local === "os");
  const type = os === undefined ? undefined : elementsOf(os).find((child) => child.local === "type");
  const arch = type?.attributes.find((a) => a.name === "arch")?.value;
  return arch === undefined || arch === "x86_64" || arch === "i686";
}

/** Guests that take more of the host's memory at once than a host for tests can give. */
const MOST_MEMORY_KIB = 2 * 1024 * 1024;

function takesAllMemory(root: XmlElement): boolean {
  const child = (element: XmlElement | undefined, name: string) =>
    element === undefined ? undefined : elementsOf(element).find((one) => one.local === name);
  const allocation = child(child(root, "memoryBacking"), "allocation");
  const immediate = allocation?.attributes.some((a) => a.name === "mode" && a.value === "immediate") ?? false;
  const memory =
    child(root, "memory")
      ?.children.filter((one) => typeof one === "string")
      .join("") ?? "0";
  return immediate && Number(memory) > MOST_MEMORY_KIB;
}

function onThisHost(xml: string): string {
  return xml
    .replace(/(<domain[^>]*\stype=)(["'])kvm\2/, "$1$2qemu$2")
    .replaceAll(/<emulator>[^<]*<\/emulator>/g, `<emulator>${BINARY}</emulator>`);
}
