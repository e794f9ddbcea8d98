import { readXml } from "@virtmesh/documents/xml/read";
import type { XmlElement } from "@virtmesh/documents/xml/tree";
import { elementsOf } from "@virtmesh/documents/xml/tree";

/** What a definition expects to find on its host, as far as a host can be made for it. */
export interface Needs {
  /** Files, and what is to be in them. */
  readonly files: ReadonlyMap<string, FileKind>;
  readonly directories: ReadonlySet<string>;
  /** Block devices, and the format of what is on them. */
  readonly blocks: ReadonlyMap<string, string>;
  /** Sockets on which somebody listens. */
  readonly sockets: ReadonlySet<string>;
  /** Ports on which somebody listens, as `host:port`. */
  readonly ports: ReadonlySet<string>;
  readonly bridges: ReadonlySet<string>;
  readonly links: ReadonlySet<string>;
  readonly networks: ReadonlySet<string>;
  readonly secrets: readonly SecretNeed[];
}

export interface SecretNeed {
  readonly uuid?: string;
  readonly usage?: { readonly type: string; readonly name: string };
}

/** An image of that format, flash of UEFI, firmware, a kernel, or anything. */
export type FileKind = { readonly image: string } | "flash" | "rom" | "kernel" | "memory" | "plain";

/** Reads the document itself, not a model of it, so that nothing depends on what either side understands. */
export function needsOf(xml: string): Needs {
  const scan = new Scan();
  scan.visit(readXml(xml));
  return scan;
}

function attribute(element: XmlElement | undefined, name: string): string | undefined {
  return element?.attributes.find((a) => a.name === name)?.value;
}

function childOf(element: XmlElement | undefined, name: string): XmlElement | undefined {
  return element === undefined ? undefined : elementsOf(element).find((child) => child.local === name);
}

function textOf(element: XmlElement): string {
  return element.children
    .filter((child) => typeof child === "string")
    .join("")
    .trim();
}

/** Devices of the real host: they are there, or cannot be made. */
const REAL =
  /^\/(?:dev\/(?:null|zero|u?random|net|shm|pts|bus|input|dri|vfio|sg\d|tpm|vhost|hugepages)|sys|proc)/;

class Scan implements Needs {
  readonly files = new Map<string, FileKind>();
  readonly directories = new Set<string>();
  readonly blocks = new Map<string, string>();
  readonly sockets = new Set<string>();
  readonly ports = new Set<string>();
  readonly bridges = new Set<string>();
  readonly links = new Set<string>();
  readonly networks = new Set<string>();
  readonly secrets: SecretNeed[] = [];

  visit(element: XmlElement): void {
    this.take(element);
    for (const child of elementsOf(element)) this.visit(child);
  }

  private take(element: XmlElement): void {
    switch (element.local) {
      case "source":
        this.source(element);
        break;
      case "kernel":
        this.file(textOf(element), "kernel");
        break;
      case "initrd":
      case "dtb":
        this.file(textOf(element), "plain");
        break;
      case "loader":
        this.file(textOf(element), attribute(element, "type") === "pflash" ? "flash" : "rom");
        break;
      case "nvram":
        this.file(attribute(element, "template"), "flash");
        this.file(textOf(element), "flash");
        break;
      case "table":
      case "rom":
        this.file(attribute(element, "file") ?? textOf(element), "plain");
        break;
      case "log":
        this.parent(attribute(element, "file"));
        break;
      case "path":
        if (element.parent?.local === "source") this.file(textOf(element), "memory");
        break;
      case "secret":
        this.secret(element);
        break;
    }
  }

  private source(element: XmlElement): void {
    const { parent } = element;
    const owner = parent?.local ?? "";
    const type = attribute(parent, "type") ?? "file";
    const path = attribute(element, "path");
    if (owner === "interface") this.network(element);
    else if (["disk", "backingStore", "mirror", "nvram"].includes(owner)) this.image(element, parent);
    else if (owner === "filesystem") this.directory(attribute(element, "dir"));
    else if (type === "unix" && path !== undefined) {
      if (attribute(element, "mode") === "connect") this.socket(path);
      else this.parent(path);
    } else if (type === "tcp" || type === "udp") this.port(element);
    else if (type === "file" || type === "pipe") this.parent(path);
  }

  private image(element: XmlElement, owner: XmlElement | undefined): void {
    const driver = childOf(owner, "driver") ?? childOf(owner, "format");
    const format = owner?.local === "nvram" ? "raw" : (attribute(driver, "type") ?? "raw");
    this.file(attribute(element, "file"), owner?.local === "nvram" ? "flash" : { image: format });
    this.directory(attribute(element, "dir"));
    const dev = attribute(element, "dev");
    if (dev?.startsWith("/") === true && !REAL.test(dev)) this.blocks.set(dev, format);
  }

  private network(element: XmlElement): void {
    const add = (set: Set<string>, name: string | undefined) =>
      name === undefined ? undefined : set.add(name);
    add(this.bridges, attribute(element, "bridge"));
    add(this.networks, attribute(element, "network"));
    const dev = attribute(element, "dev");
    if (dev?.startsWith("/") === false) this.links.add(dev);
    if (attribute(element.parent, "type") === "client")
      this.ports.add(`${attribute(element, "address") ?? "127.0.0.1"}:${attribute(element, "port") ?? ""}`);
  }

  private port(element: XmlElement): void {
    if (attribute(element, "mode") !== "connect") return;
    const service = attribute(element, "service");
    if (service !== undefined && attribute(element.parent, "type") === "tcp")
      this.ports.add(`${attribute(element, "host") ?? "127.0.0.1"}:${service}`);
  }

  private secret(element: XmlElement): void {
    const uuid = attribute(element, "uuid");
    const name = attribute(element, "usage");
    const type = attribute(element, "type") ?? "volume";
    if (uuid !== undefined) this.secrets.push({ uuid });
    else if (name !== undefined) this.secrets.push({ usage: { type, name } });
  }

  private file(path: string | undefined, kind: FileKind): void {
    if (path?.startsWith("/") === true && !REAL.test(path)) this.files.set(path, kind);
  }

  private directory(path: string | undefined): void {
    if (path?.startsWith("/") === true) this.directories.add(path);
  }

  private socket(path: string): void {
    this.parent(path);
    this.sockets.add(path);
  }

  private parent(path: string | undefined): void {
    if (path?.startsWith("/") === true) this.directories.add(path.replace(/\/[^/]*$/, "") || "/");
  }
}
