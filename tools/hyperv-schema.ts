// Takes the classes of the Hyper-V simulator out of Microsoft's reference. Run by hand, with a checkout of
// https://github.com/MicrosoftDocs/win32: node tools/hyperv-schema.ts FOLDER
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { collectClasses, type Page, readPage } from "@virtmesh/hyperv-simulator/schema/extract";

/** Of the classes about Windows itself only these. */
const WINDOWS = new Set([
  "CIM_DataFile",
  "Win32_ComputerSystem",
  "Win32_ComputerSystemProcessor",
  "Win32_ComputerSystemProduct",
  "Win32_LogicalDisk",
  "Win32_NetworkAdapter",
  "Win32_OperatingSystem",
  "Win32_Perf",
  "Win32_PerfRawData",
  "Win32_Processor",
]);

const [checkout] = process.argv.slice(2);
if (checkout === undefined) throw new Error("name the folder of a checkout of MicrosoftDocs/win32");

async function pagesOf(folder: string): Promise<readonly Page[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".md")).sort();
  const pages = await Promise.all(
    names.map(async (name) => readPage(await readFile(join(folder, name), "utf8"))),
  );
  return pages.filter((page) => page !== undefined);
}

const classes = collectClasses([
  ...(await pagesOf(join(checkout, "desktop-src/HyperV_v2"))),
  ...(await pagesOf(join(checkout, "desktop-src/CIMWin32Prov"))).filter((page) =>
    WINDOWS.has(page.kind === "class" ? page.name : page.className),
  ),
]);
const lines = Object.entries(classes).map(
  ([name, source]) => `  ${JSON.stringify(name)}: ${JSON.stringify(source)},`,
);
await writeFile(
  join(import.meta.dirname, "../packages/hyperv-simulator/src/gen/microsoft-schema.ts"),
  `// Made by tools/hyperv-schema.ts; do not edit.
// Class, property, method and parameter names, types, keys, defaults and access out of "Hyper-V WMI provider (V2)" and
// "CIMWin32 WMI Providers", https://github.com/MicrosoftDocs/win32, (c) Microsoft Corporation, licensed under
// CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/). Changes: reduced to these facts, inherited ones left out.
import type { ClassSource } from "../schema/class-source.ts";

export const MICROSOFT_CLASSES: Readonly<Record<string, ClassSource>> = {
${lines.join("\n")}
};
`,
);
console.log(`${lines.length} classes`);
