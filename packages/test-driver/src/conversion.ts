import type { ConversionFacet, NativeFormat } from "@virtmesh/core/driver/conversion";
import { VirtError } from "@virtmesh/core/errors";
import { formatDomain, parseDomain } from "@virtmesh/documents/domain/document";
import type { DomainDefinition } from "@virtmesh/documents/domain/model";
import { parseDevice, withDevice } from "@virtmesh/documents/domain/one-device";
import type { XmlTree } from "@virtmesh/documents/xml/tree";
import { writeXml } from "@virtmesh/documents/xml/write";
import { disksOf, readDefinition } from "./definition.ts";

const FORMATS: readonly NativeFormat[] = [
  {
    name: "test-lines",
    description: "a word and its value a line: name, memory in bytes, vcpus, disk with its target and image",
    canRead: true,
    canWrite: true,
  },
];

const EMPTY = "<domain type='test'><name>unnamed</name><memory>1</memory><os><type>hvm</type></os></domain>";

/** The own form of a hypervisor that has none: it knows nothing but these words, and drives with something in them. */
export const testConversion: Required<ConversionFacet> = {
  formats: () => FORMATS,
  async fromNative(_format, config) {
    let model = parseDomain(EMPTY);
    for (const [i, line] of config.split("\n").entries()) {
      const [word = "", ...values] = line.trim().split(/\s+/);
      const [value = "", image = ""] = values;
      const whole = /^\d+$/.test(value);
      if (word === "") continue;
      else if (word === "name" && value !== "") model = { ...model, name: value };
      else if (word === "memory" && whole) model = { ...model, memory: { bytes: BigInt(value) } };
      else if (word === "vcpus" && whole) model = { ...model, vcpu: { count: Number(value) } };
      else if (word === "disk" && image !== "") model = withDisk(model, value, image);
      else throw notUnderstood(i + 1, line);
    }
    return formatDomain(model);
  },
  async toNative(_format, xml) {
    const { model } = readDefinition(xml).definition;
    const disks = disksOf(model)
      .filter((disk) => disk.source !== "")
      .map(({ target, source }) => `disk ${target} ${source}`);
    const lines = [
      `name ${model.name}`,
      `memory ${model.memory.bytes}`,
      `vcpus ${model.vcpu.count}`,
      ...disks,
    ];
    return `${lines.join("\n")}\n`;
  },
};

function withDisk(model: DomainDefinition, target: string, image: string): DomainDefinition {
  const part = (name: string, attribute: string, value: string): XmlTree => ({
    ...{ name, children: [] },
    attributes: [{ name: attribute, value }],
  });
  const disk = {
    ...part("disk", "type", "file"),
    children: [part("source", "file", image), part("target", "dev", target)],
  };
  return withDevice(model, parseDevice(writeXml(disk)));
}

function notUnderstood(line: number, text: string): VirtError {
  const field = `line ${line}`;
  return new VirtError("CONFIG_INVALID", `"${text}" in line ${line} is not understood`, {
    violations: [{ field, description: "must be name, memory, vcpus or disk with what belongs to it" }],
  });
}
